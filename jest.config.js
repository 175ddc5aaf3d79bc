/** @type {import('@jest/types').Config.InitialOptions} */
export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testRunner: '<rootDir>/test/setup/native-runner.ts',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {},
  moduleNameMapper: {
    '^@jest/globals$': '<rootDir>/test/setup/jest-globals.ts',
  },
  testSequencer: '<rootDir>/test/setup/longest-first.ts',
  globalSetup: '<rootDir>/test/setup/start-servers.ts',
  globalTeardown: '<rootDir>/test/setup/stop-servers.ts',
  // Ends what hangs; what is only slow, on a busy machine, goes on.
  testTimeout: 240_000,
  maxWorkers: 4,
};
