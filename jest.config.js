/** @type {import('jest').Config} */
export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  moduleNameMapper: {
    '^cadenza/workflow$': '<rootDir>/src/workflows/index.ts',
    '^cadenza/worker$': '<rootDir>/src/workers/index.ts',
    '^cadenza/(client|contract|config|testing)$': '<rootDir>/src/$1/index.ts',
  },
  globalSetup: '<rootDir>/test/setup/start-servers.ts',
  globalTeardown: '<rootDir>/test/setup/stop-servers.ts',
  // Ends what hangs; what is only slow, on a busy machine, goes on.
  testTimeout: 240_000,
  maxWorkers: 2,
};
