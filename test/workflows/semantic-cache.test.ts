import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { AskInput } from '../../src/contract/index.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const MODEL = 'openai/gpt-4o';
const QUESTION = 'How do I cancel the annual subscription of my account?';
const ALIKE = 'how do I cancel my annual account subscription';
const near = (semantic: object = {}) => ({
  candidates: [MODEL],
  cache: { ttlSeconds: 600, semantic: { threshold: 0.8, ...semantic } },
});

let bed: TestBed;

/** Takes connections, and says nothing. */
const silent = createServer();

beforeAll(async () => {
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const baseUrl = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/v1`;
  bed = await testBed({ config: { providers: { silent: { kind: 'openai-compatible', baseUrl } } } });
});
afterAll(async () => {
  await bed.close();
  silent.close();
});

async function asked(input: Partial<AskInput>, options: { tenant?: string } = {}) {
  const before = bed.provider.requests().length;
  const run = await bed.client.start('ask', { policy: near(), ...input } as AskInput, options);
  const answer = await run.result();
  const requests = bed.provider.requests().slice(before);
  const events = await bed.eventsOf(run.id);
  return {
    answer,
    requests,
    cached: events.find(({ type }) => type === 'call.cached'),
    bill: await bed.client.bill(run.id),
  };
}

test('a question that is nearly another one is answered by its answer, and the event says how near', async () => {
  const first = await asked({ prompt: QUESTION });
  expect(first.requests).toHaveLength(1);
  const second = await asked({ prompt: ALIKE });
  expect(second.requests).toEqual([]);
  expect(second.answer).toEqual({ ...first.answer, costUsd: 0 });
  const { similarity, of } = second.cached as unknown as { similarity: number; of: string };
  expect(similarity).toBeGreaterThan(0.8);
  expect(similarity).toBeLessThan(1);
  expect(of).toMatch(/^[0-9a-f]{64}$/);
  expect(second.cached).toMatchObject({ savedUsd: (first.answer as { costUsd: number }).costUsd });
  expect(second.bill.totalUsd).toBe(0);
  // The same question is found as ever.
  expect((await asked({ prompt: QUESTION })).cached).not.toHaveProperty('similarity');
});

test('what differs in anything but the prompt, is further away, or somebody else’s is asked anew', async () => {
  await asked({ prompt: QUESTION, system: 'Answer as a lawyer.' });
  for (const [input, options] of [
    [{ prompt: 'What does the annual subscription cost?' }],
    [{ prompt: ALIKE, system: 'Answer as a pirate.' }],
    [{ prompt: ALIKE, policy: { ...near(), temperature: 0 } }],
    [{ prompt: `${ALIKE}!`, policy: near({ threshold: 0.999 }) }],
    [{ prompt: ALIKE }, { tenant: 'somebody-else' }],
    [
      {
        messages: [
          { role: 'user', content: 'Hello' },
          { role: 'assistant', content: 'Hi' },
          { role: 'user', content: ALIKE },
        ],
      },
    ],
  ] as [Partial<AskInput>, { tenant?: string }?][]) {
    const { requests, cached } = await asked(input, options);
    expect({ input, requests: requests.length, cached }).toEqual({ input, requests: 1, cached: undefined });
  }
});

test('a provider of vectors that says nothing keeps no call waiting', async () => {
  const policy = { ...near({ model: 'silent/any' }), timeouts: { firstTokenMs: 300 } };
  const { answer, requests } = await asked({ prompt: 'Is anybody there?', policy });
  expect(answer).toMatchObject({ text: 'answer to: Is anybody there?' });
  expect(requests.map(({ model }) => model)).toEqual(['gpt-4o']);
});

test('vectors of a provider are paid for, once a prompt and run, and are on the bill', async () => {
  const policy = near({ model: 'openai/text-embedding-3-small' });
  // The provider of the tests has one vector for all texts.
  const first = await asked({ prompt: 'One thing', policy });
  expect(first.requests.map(({ model }) => model).sort()).toEqual(['gpt-4o', 'text-embedding-3-small']);
  expect(first.bill.calls.map(({ model }) => model).sort()).toEqual([MODEL, 'openai/text-embedding-3-small']);
  const second = await asked({ prompt: 'Another', policy });
  expect(second.requests.map(({ model }) => model)).toEqual(['text-embedding-3-small']);
  expect(second.cached).toMatchObject({ similarity: 1 });
  expect(second.answer).toMatchObject({ text: (first.answer as { text: string }).text, costUsd: 0 });
});
