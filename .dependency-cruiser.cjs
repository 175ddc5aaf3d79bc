// The arrows of docs/architecture.md: contract <- {providers, tools, store, documents} <- {activities, runtime} <- workers; runtime <- client;
// contract <- workflows <- (types only) client <- {gateway, evaluation} <- cli.
const room = (name) => `^src/${name}/`;
const may = (from, ...allowed) => ({
  name: `${from}-arrows`,
  severity: 'error',
  comment: `src/${from} may import only: ${[from, ...allowed].join(', ')}`,
  from: { path: room(from) },
  to: { path: '^src/', pathNot: [from, ...allowed].map(room) },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unlisted', severity: 'error', from: {}, to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] } },
    {
      name: 'contract-imports-zod-only',
      severity: 'error',
      from: { path: room('contract') },
      to: { pathNot: ['^src/contract/', '^node_modules/zod/'] },
    },
    {
      name: 'workflows-are-deterministic',
      severity: 'error',
      from: { path: room('workflows') },
      to: { pathNot: ['^src/contract/', '^src/workflows/', '^node_modules/@temporalio/(workflow|common)/', '^node_modules/zod/'] },
    },
    may('config', 'contract'),
    may('providers', 'contract', 'config', 'telemetry'),
    may('tools', 'contract', 'config', 'providers'),
    may('store', 'contract'),
    may('documents', 'contract'),
    may('dialogue', 'contract'),
    may('ai-sdk', 'contract', 'dialogue', 'client', 'workflows'),
    {
      name: 'ai-sdk-runs-in-browsers',
      severity: 'error',
      comment: 'Only src/ai-sdk/workflow/ takes more than types and src/dialogue',
      from: { path: room('ai-sdk'), pathNot: '^src/ai-sdk/workflow/' },
      to: { path: '^(src/(contract|client|workflows)/|node:|@temporalio)', dependencyTypesNot: ['type-only'] },
    },
    may('activities', 'contract', 'config', 'providers', 'tools', 'store', 'documents', 'telemetry'),
    may('runtime', 'contract', 'config', 'providers', 'tools', 'store'),
    may('workers', 'contract', 'config', 'providers', 'activities', 'tools', 'store', 'runtime', 'client', 'telemetry', 'workflows'),
    may('client', 'contract', 'config', 'store', 'providers', 'runtime', 'telemetry'),
    may('evaluation', 'contract', 'config', 'providers', 'store', 'client', 'activities', 'workflows'),
    may('telemetry', 'contract'),
    may('gateway', 'contract', 'config', 'client', 'telemetry', 'dialogue'),
    may('local', 'contract', 'config', 'store'),
    may('testing', 'contract', 'config', 'providers', 'runtime', 'client', 'workers', 'local'),
    may('web', 'contract'),
    {
      name: 'the-page-knows-the-contract-by-type-only',
      comment: 'zod and the schemas would be most of what a browser loads',
      severity: 'error',
      from: { path: room('web') },
      to: { path: room('contract'), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'client-knows-workflows-by-type-only',
      severity: 'error',
      from: { path: room('(client|gateway)') },
      to: { path: room('workflows'), dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    // Its TypeScript parser stops at version 6; this one tells type-only imports as well.
    parser: 'swc',
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.cadenza)/' },
  },
};
