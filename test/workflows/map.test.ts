import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { MapItem } from '../../src/contract/index.ts';
import { historyBytes } from '../setup/history.ts';
import { failWith, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let bed: TestBed;
beforeAll(async () => {
  bed = await testBed();
});
afterAll(() => bed.close());

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };
const names = (count: number, prefix: string) => Array.from({ length: count }, (_, n) => ({ name: `${prefix}${n + 1}.` }));
const outputOf = (id: string): Promise<MapItem[]> => Array.fromAsync(bed.client.output(id));

test('each row is answered by the template, and the results come in the order of the rows', async () => {
  const items = names(50, 'order');
  const run = await bed.client.start('map', { pattern: 'ask', items, input: { prompt: 'Greet {{item.name}} ({{row}})' }, policy });
  const result = await run.result();
  expect(result).toMatchObject({ done: 50, failed: 0 });

  const output = await outputOf(run.id);
  expect(output.map(({ row }) => row)).toEqual(items.map((_, index) => index + 1));
  expect(output[6]).toMatchObject({
    ...{ row: 7, input: { name: 'order7.' }, status: 'done' },
    answer: { text: 'answer to: Greet order7. (7)', model: 'openai/gpt-6-sol', finishReason: 'stop' },
  });
  const bill = await bed.client.bill(run.id);
  expect(bill.calls).toHaveLength(50);

  const events = await bed.eventsOf(run.id);
  const progress = events.filter((event) => event.type === 'map.progress');
  expect(progress.at(-1)).toMatchObject({ done: 50, failed: 0, total: 50, secondsLeft: 0, costUsd: bill.totalUsd });
  expect(events.filter((event) => event.type === 'call.delta')).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: 'run.completed', costUsd: bill.totalUsd });
});
