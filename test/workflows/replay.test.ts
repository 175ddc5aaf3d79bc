import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { Worker } from '@temporalio/worker';
import { PATTERNS } from '../../src/contract/index.ts';
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

/** Replays histories, by name. @returns those that do not fit the code, and why */
async function unfitting(histories: [name: string, json: string][]): Promise<Record<string, string>> {
  const failed: Record<string, string> = {};
  for (const [name, json] of histories) {
    const history = JSON.parse(json) as {
      events: { workflowExecutionStartedEventAttributes?: { workflowId: string } }[];
    };
    // Sub-runs are named after it.
    const { workflowId } = history.events[0]!.workflowExecutionStartedEventAttributes!;
    for await (const { error } of Worker.runReplayHistories({ workflowBundle }, [{ workflowId, history }])) {
      if (error) failed[name] = error.message;
    }
  }
  return failed;
}

test('the code of today replays the kept histories', async () => {
  expect(await unfitting(kept.map((file) => [file, readKept(file)]))).toEqual({});
});

test('a history that does not fit the code is noticed, each for what is wrong with it', async () => {
  const history = readKept('compare.plain.json');
  const failed = await unfitting([
    ['as it is', history],
    ['of another activity', history.replaceAll('"callModel"', '"callNobody"')],
    ['of another activity id', history.replaceAll('"activityId":"2"', '"activityId":"7"')],
    ['of another pattern', history.replaceAll('"name":"compare"', '"name":"council"')],
  ]);
  expect(Object.keys(failed).sort()).toEqual(['of another activity', 'of another activity id', 'of another pattern']);
  expect(failed['of another activity']).toMatch(/callNobody/);
});

function readKept(file: string): string {
  return readFileSync(path.join(HISTORIES, file), 'utf8');
}
