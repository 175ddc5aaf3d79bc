import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { PATTERNS } from '../../src/contract/index.ts';
import { replayHistories } from '../../src/testing/index.ts';
import { testBundle } from '../setup/test-bundle.ts';

const HISTORIES = path.resolve(import.meta.dirname, '../histories');
const kept = readdirSync(HISTORIES).filter((file) => file.endsWith('.json'));

test('every pattern has a kept history', () => {
  const types = new Set(kept.map((file) => file.split('.')[0]));
  expect(Object.keys(PATTERNS).filter((name) => !types.has(name))).toEqual([]);
});

let workflowBundle: { codePath: string };
beforeAll(async () => {
  workflowBundle = await testBundle(path.join(HISTORIES, 'workflows.ts'));
});

test('the code of today replays the kept histories', async () => {
  expect(await replayHistories({ folder: HISTORIES, workflowBundle })).toEqual({});
});

test('a history that does not fit the code is noticed, each for what is wrong with it', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-histories-'));
  const history = readFileSync(path.join(HISTORIES, 'compare.plain.json'), 'utf8');
  const histories = {
    'as-it-is.json': history,
    'of-another-activity.json': history.replaceAll('"callModel"', '"callNobody"'),
    'of-another-activity-id.json': history.replaceAll('"activityId":"2"', '"activityId":"7"'),
    'of-another-pattern.json': history.replaceAll('"name":"compare"', '"name":"council"'),
  };
  try {
    for (const [file, json] of Object.entries(histories)) writeFileSync(path.join(folder, file), json);
    const failed = await replayHistories({ folder, workflowBundle });
    expect(Object.keys(failed)).toEqual(Object.keys(histories).slice(1).sort());
    expect(failed['of-another-activity.json']).toMatch(/callNobody/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('where there is no history nothing is called well', async () => {
  await expect(replayHistories({ folder: path.join(HISTORIES, '..', 'web'), workflowBundle })).rejects.toThrow(
    /No history in/,
  );
});
