import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { bundleWorkflowCode, DefaultLogger, Worker } from '@temporalio/worker';
import { PATTERNS } from '../../src/contract/index.ts';
import { PRELOADED, workflowModule } from '../../src/workers/workflow-bundle.ts';

const HISTORIES = path.resolve(import.meta.dirname, '../histories');
const kept = readdirSync(HISTORIES).filter((file) => file.endsWith('.json'));

test('every pattern has a kept history', () => {
  const types = new Set(kept.map((file) => file.split('.')[0]));
  expect(Object.keys(PATTERNS).filter((name) => !types.has(name))).toEqual([]);
});

test('the code of today replays the kept histories', async () => {
  const workflowBundle = await bundleWorkflowCode({
    workflowsPath: path.resolve(import.meta.dirname, '../histories/workflows.ts'),
    workflowInterceptorModules: [workflowModule('interceptor')],
    preloadModules: PRELOADED,
    webpackConfigHook: (config) => ({
      ...config,
      resolve: { ...config.resolve, alias: { ...config.resolve?.alias, 'cadenza/workflow$': workflowModule('index') } },
    }),
    logger: new DefaultLogger('ERROR'),
  });
  const histories = kept.map((file) => ({
    workflowId: file,
    history: JSON.parse(readFileSync(path.join(HISTORIES, file), 'utf8')) as object,
  }));
  const failed: string[] = [];
  for await (const { workflowId, error } of Worker.runReplayHistories({ workflowBundle }, histories)) {
    if (error) failed.push(`${workflowId}: ${error.message}`);
  }
  expect(failed).toEqual([]);
}, 120_000);

test('a history that does not fit the code is noticed', async () => {
  const file = kept.find((name) => name.startsWith('compare'))!;
  const history = JSON.parse(
    readFileSync(path.join(HISTORIES, file), 'utf8').replaceAll('"callModel"', '"callNobody"'),
  ) as object;
  const replayed = Worker.runReplayHistory({ workflowsPath: workflowModule('patterns') }, history, file);
  await expect(replayed).rejects.toThrow();
}, 120_000);
