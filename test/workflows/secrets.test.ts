import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mockProvider, TEST_KEYS } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const { OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY } = TEST_KEYS;
const policy = { maxAttempts: 1, cache: false as const };

let bed: TestBed;
beforeAll(async () => {
  const provider = await mockProvider();
  // A provider that repeats the key it was given, in its answer and in its errors.
  provider.first(
    (request) => request.model.startsWith('gpt'),
    () => ({ status: 401, error: { message: `Incorrect API key provided: ${OPENAI_API_KEY}` } }),
  );
  provider.first(
    (request) => request.model.startsWith('claude'),
    () => ({ content: `My key is ${ANTHROPIC_API_KEY}, keep it.` }),
    { chunkSize: 7 },
  );
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

test('no key of this process is in any history, event, error, log line or table, though a provider repeats it', async () => {
  const prompt = `Repeat this after me: ${GEMINI_API_KEY}`;
  const asked = await bed.client.start('ask', {
    prompt,
    policy: { ...policy, candidates: ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'] },
  });
  const answer = await asked.result();
  const failed = await bed.client.start('ask', { prompt, policy: { ...policy, candidates: ['openai/gpt-6-sol'] } });
  const error = await failed.result().catch((thrown: unknown) => thrown);

  const { openStore } = await import('../../src/store/index.ts');
  const store = await openStore({ url: bed.databaseUrl });
  const tables = await store.db.introspection.getTables();
  const rows = await Promise.all(
    tables.map(({ name }) =>
      store.db
        .selectFrom(name as never)
        .selectAll()
        .execute(),
    ),
  );
  await store.close();
  const histories = await Promise.all(
    [asked, failed].map(({ id }) => bed.temporal.workflow.getHandle(id).fetchHistory()),
  );
  const seen = [
    ...histories.map((history) => Buffer.from(JSON.stringify(history)).toString()),
    ...histories.flatMap((history) => payloadTexts(history)),
    JSON.stringify(rows, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value)),
    JSON.stringify([
      answer,
      error,
      (error as Error).stack,
      await bed.eventsOf(asked.id),
      await bed.eventsOf(failed.id),
    ]),
    bed.logged.join('\n'),
  ];
  expect(seen.join('').length).toBeGreaterThan(5_000);
  for (const key of Object.values(TEST_KEYS)) expect(seen.filter((text) => text.includes(key))).toEqual([]);
  expect(answer.text).toBe('My key is [redacted], keep it.');
});

/** All payload bytes of a history, as text. */
function payloadTexts(value: unknown): string[] {
  if (value instanceof Uint8Array) return [Buffer.from(value).toString()];
  if (value === null || typeof value !== 'object') return [];
  return Object.values(value).flatMap(payloadTexts);
}
