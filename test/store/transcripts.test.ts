import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { NewLine } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const ANSWER = {
  model: 'openai/gpt-6-sol',
  usage: { inputTokens: 3, outputTokens: 4 },
  costUsd: 0.5,
  finishReason: 'stop',
} as const;

function turn(asked: string, told: string, key?: string): NewLine[] {
  return [
    { message: { role: 'user', content: asked }, tokens: asked.length, key },
    { message: { role: 'assistant', content: told }, tokens: told.length, answer: ANSWER },
  ];
}

const texts = async (id: string, from: number, to: number) =>
  (await fresh.store.transcripts.read(id, from, to)).map(({ content }) => content);

test('lines come back in order, with their roles and sizes', async () => {
  const { transcripts } = fresh.store;
  expect(await transcripts.append('t1', 0, turn('who', 'me'))).toBe('t1');
  expect(await transcripts.append('t1', 2, turn('where', 'here'))).toBe('t1');
  expect(await texts('t1', 1, 4)).toEqual(['me', 'where', 'here']);
  expect(await transcripts.sizes('t1', 2, 4)).toEqual([
    { role: 'user', tokens: 5 },
    { role: 'assistant', tokens: 4 },
  ]);
});

test('the same turn appended again, also by many at once, is there once', async () => {
  const { transcripts } = fresh.store;
  const again = () => transcripts.append('t2', 0, turn('a', 'b', 'k'));
  expect(await Promise.all(Array.from({ length: 20 }, again))).toEqual(Array(20).fill('t2'));
  const { rows } = await countOf('t2');
  expect(rows).toBe(2);
});

test('another turn at the same place goes on in a transcript of its own, and leaves the first as it was', async () => {
  const { transcripts } = fresh.store;
  await transcripts.append('t3', 0, turn('first', 'one'));
  await transcripts.append('t3', 2, turn('second', 'two'));
  await transcripts.append('t3', 4, turn('third', 'three'));
  const branch = await transcripts.append('t3', 2, turn('other', 'TWO'));
  expect(branch).not.toBe('t3');
  expect(await texts(branch, 0, 4)).toEqual(['first', 'one', 'other', 'TWO']);
  expect(await texts('t3', 0, 6)).toEqual(['first', 'one', 'second', 'two', 'third', 'three']);
  expect(await transcripts.append('t3', 2, turn('other', 'TWO'))).toBe(branch);
  expect(await transcripts.append(branch, 4, turn('on', 'ward'))).toBe(branch);
});

test('a message is found by its key, with how it was answered, but not beyond the length that is asked for', async () => {
  const { transcripts } = fresh.store;
  await transcripts.append('t4', 0, turn('hello', 'hi', 'm-1'));
  await transcripts.append('t4', 2, turn('bye', 'so long', 'm-2'));
  expect(await transcripts.answerTo('t4', 4, 'm-2')).toEqual({ text: 'so long', ...ANSWER });
  expect(await transcripts.answerTo('t4', 2, 'm-2')).toBeUndefined();
  expect(await transcripts.answerTo('t4', 4, 'm-3')).toBeUndefined();
});

test('characters PostgreSQL refuses do not lose a turn', async () => {
  const id = await fresh.store.transcripts.append('t5', 0, turn('a\0b', 'c\ud800d'));
  expect(await fresh.store.transcripts.append('t5', 0, turn('a\0b', 'c\ud800d'))).toBe(id);
  expect(await texts(id, 0, 2)).toEqual(['a\uFFFDb', 'c\uFFFDd']);
});

test('lines that are not there are said to be missing, not left out', async () => {
  const { transcripts } = fresh.store;
  await transcripts.append('t6', 0, turn('a', 'b'));
  await expect(transcripts.read('t6', 0, 4)).rejects.toThrow('There is no whole transcript t6 from line 0 to 4');
  await expect(transcripts.messages(['abc'])).rejects.toThrow('There is no message abc');
});

async function countOf(id: string): Promise<{ rows: number }> {
  const { rows } = await fresh.store.db
    .selectFrom('transcripts')
    .select((select) => select.fn.countAll<number>().as('rows'))
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  return { rows: Number(rows) };
}
