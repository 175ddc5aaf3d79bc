import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { GuardedText, Guardrails, RunEvent } from '../../src/contract/index.ts';
import { mockProvider, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const GPT = 'openai/gpt-6-sol';
const CLAUDE = 'anthropic/claude-sonnet-5-5';
let bed: TestBed;
let own: { taskQueue: string; given: GuardedText[]; stop(): Promise<void> };

beforeAll(async () => {
  const provider = await mockProvider();
  provider.first(
    ({ messages }) => JSON.stringify(messages).includes('<text>'),
    (request) => {
      const allowed = !promptOf(request).includes('rude');
      return { content: JSON.stringify({ allowed, reason: allowed ? 'It is kind' : 'It is rude' }) };
    },
  );
  bed = await testBed({ provider });
  own = await ownWorker(`${bed.taskQueue}-own`);
});
afterAll(async () => {
  await own.stop();
  await bed.close();
});

/** A worker of a user's, with an activity that lets nothing about apples pass. */
async function ownWorker(taskQueue: string) {
  const given: GuardedText[] = [];
  const connection = await NativeConnection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
  const worker = await Worker.create({
    connection,
    taskQueue,
    activities: {
      async broken() {
        throw new Error('out of order');
      },
      async noApples(text: GuardedText) {
        given.push(text);
        return text.text.includes('apple') ? { allowed: false, reason: 'It is about apples' } : { allowed: true };
      },
    },
  });
  const run = worker.run();
  const stop = async () => {
    worker.shutdown();
    await run;
    await connection.close();
  };
  return { taskQueue, given, stop };
}

async function ask(prompt: string, guardrails: Guardrails, candidates = [GPT]) {
  const run = await bed.client.start('ask', { prompt, policy: { candidates, cache: false, guardrails } });
  const outcome = await run.result().catch((error: unknown) => ({ failed: error as Error & { type: string } }));
  const events = await bed.eventsOf(run.id);
  return { id: run.id, outcome: outcome as { text?: string; model?: string; failed?: Error }, events };
}

function fired(events: RunEvent[]) {
  return events
    .filter((event) => event.type === 'guardrail')
    .map(({ stage, check, outcome, action }) => [stage, check, outcome, ...(action ? [action] : [])].join(' '));
}

const typesOf = (events: RunEvent[]) => events.map(({ type }) => type).filter((type) => type !== 'call.delta');

test('a guardrail that fires before a call refuses it, asks nobody and costs nothing', async () => {
  const { id, outcome, events } = await ask('my card is 4111 1111 1111 1111', {
    before: [{ check: 'length', maxCharacters: 1_000 }, { check: 'personalData' }],
    after: [{ check: 'length', maxCharacters: 1 }],
  });

  expect(outcome.failed!.message).toContain('The guardrail "personalData" refuses it: It holds a card number');
  expect(bed.provider.asked('4111')).toBe(0);
  expect(typesOf(events)).toEqual(['run.started', 'step.started', 'guardrail', 'guardrail', 'run.failed']);
  expect(fired(events)).toEqual(['before length passed', 'before personalData failed refuse']);
  expect(events.at(-1)).toMatchObject({ type: 'run.failed', error: { type: 'Refused', step: 'ask' } });
  expect(JSON.stringify(events)).not.toContain('4111');
  expect(await bed.client.bill(id)).toMatchObject({ totalUsd: 0, calls: [] });
});

test('what is redacted before a call never leaves', async () => {
  const { outcome, events } = await ask('say hello to ada@mail.example', {
    before: [{ check: 'personalData', onFailure: 'redact' }],
  });
  expect(outcome.text).toBe('answer to: say hello to [email]');
  expect(bed.provider.asked('ada@mail.example')).toBe(0);
  expect(fired(events)).toEqual(['before personalData failed redact']);
});

test('a request that one candidate may not see goes to the next', async () => {
  const { outcome, events } = await ask(
    'write to bob@mail.example',
    { before: [{ check: 'personalData', only: [GPT], onFailure: 'next' }] },
    [GPT, CLAUDE],
  );
  expect(outcome.model).toBe(CLAUDE);
  expect(bed.provider.asked('bob@mail.example', 'gpt-6-sol')).toBe(0);
  expect(events.find(({ type }) => type === 'call.fallback')).toMatchObject({ from: GPT, error: { type: 'Refused' } });
});

test('an answer that a guardrail does not accept is repaired once', async () => {
  bed.provider.first(
    (request) => JSON.stringify(request.messages).includes('in capitals please'),
    (request) => ({ content: promptOf(request).startsWith('That answer cannot be used') ? 'HELLO' : 'hello you' }),
  );
  const { outcome, events, id } = await ask('in capitals please', {
    after: [{ check: 'length', name: 'short', maxCharacters: 5, onFailure: 'repair' }],
  });
  expect(outcome.text).toBe('HELLO');
  expect(fired(events)).toEqual(['after short failed repair', 'after short passed']);
  expect(typesOf(events)).toEqual([
    'run.started',
    'step.started',
    'call.started',
    'call.completed',
    'guardrail',
    'call.started',
    'call.completed',
    'guardrail',
    'step.completed',
    'run.completed',
  ]);
  expect((await bed.client.bill(id)).calls).toHaveLength(2);
  expect(bed.provider.asked('It has 9 characters, and may have at most 5')).toBe(1);
});

test('an answer that stays bad after its repair moves on to the next candidate, and is not kept for anybody', async () => {
  const guardrails: Guardrails = {
    after: [{ check: 'pattern', rule: 'deny', pattern: 'purple', onFailure: 'repair' }],
  };
  bed.provider.first(
    (request) => request.model.startsWith('gpt') && JSON.stringify(request.messages).includes('which colour'),
    () => ({ content: 'purple' }),
  );
  const input = { prompt: 'which colour', policy: { candidates: [GPT, CLAUDE], guardrails } };
  for (const round of [1, 2]) {
    const run = await bed.client.start('ask', input);
    expect(await run.result()).toMatchObject({ model: CLAUDE, text: 'answer to: which colour' });
    const events = await bed.eventsOf(run.id);
    expect(fired(events)).toEqual([
      'after pattern failed repair',
      'after pattern failed repair',
      'after pattern passed',
    ]);
    expect(typesOf(events).filter((type) => type === 'call.cached')).toHaveLength(round === 1 ? 0 : 1);
  }
});

test.each(['refuse', 'next', 'repair'] as const)(
  'an answer that ends its step by %s is given to nobody else',
  async (onFailure) => {
    const prompt = `which flower, or ${onFailure}`;
    let grows = 'a weed';
    bed.provider.first(
      (request) => JSON.stringify(request.messages).includes(prompt),
      () => ({ content: grows }),
    );
    const guardrails: Guardrails = { after: [{ check: 'pattern', rule: 'deny', pattern: 'weed', onFailure }] };
    const input = { prompt, policy: { candidates: [GPT], guardrails } };
    await expect((await bed.client.start('ask', input)).result()).rejects.toMatchObject({ error: { type: 'Refused' } });
    grows = 'a rose';
    const again = await bed.client.start('ask', input);
    expect(await again.result()).toMatchObject({ text: 'a rose' });
    expect((await bed.eventsOf(again.id)).map(({ type }) => type)).not.toContain('call.cached');
  },
);

test('an answer that no candidate gives well fails the step as refused', async () => {
  const { outcome, events } = await ask('no good', {
    after: [{ check: 'pattern', rule: 'require', pattern: 'sources:', onFailure: 'next' }],
  });
  expect(outcome.failed!.message).toContain(`does not accept the answer of ${GPT}`);
  expect(events.at(-1)).toMatchObject({ type: 'run.failed', error: { type: 'Refused' } });
  expect(typesOf(events)).not.toContain('step.completed');
});

test('an answer is redacted', async () => {
  const { outcome } = await ask('repeat +49 30 901820', { after: [{ check: 'personalData', onFailure: 'redact' }] });
  expect(outcome.text).toBe('answer to: repeat [phone]');
});

test('another model judges, on a step of its own', async () => {
  const judge = { check: 'model', name: 'tone', model: CLAUDE, question: 'Is it kind?' } as const;
  const kind = await ask('kind words', { before: [judge], after: [judge] });
  expect(kind.outcome.text).toBe('answer to: kind words');
  expect(fired(kind.events)).toEqual(['before tone passed', 'after tone passed']);
  const steps = kind.events.filter(({ type }) => type === 'step.completed').map(({ step }) => step);
  expect(steps).toEqual(['ask/tone', 'ask/tone#2', 'ask']);

  const rude = await ask('rude words', { before: [judge] });
  expect(rude.outcome.failed!.message).toContain('The guardrail "tone" refuses it: It is rude');
  expect(bed.provider.asked('rude words', 'gpt-6-sol')).toBe(0);
});

test("a user's own activity decides", async () => {
  const check = { check: 'activity', activity: 'noApples', taskQueue: own.taskQueue } as const;
  const { outcome, events } = await ask('an apple a day', { before: [check] });
  expect(outcome.failed!.message).toContain('It is about apples');
  expect(fired(events)).toEqual(['before noApples failed refuse']);
  expect(own.given).toEqual([{ text: 'an apple a day', stage: 'before', step: 'ask' }]);
});

test('what could not be checked does not pass', async () => {
  const check = { check: 'activity', activity: 'broken', taskQueue: own.taskQueue } as const;
  const { outcome, events } = await ask('unchecked', { before: [check] });
  expect(outcome.failed!.message).toContain('The guardrail "broken" of "ask" could not be checked');
  expect(fired(events)).toEqual(['before broken error']);
  expect(bed.provider.asked('unchecked')).toBe(0);
});

test('a guardrail whose model nobody knows is named before anything starts', async () => {
  const guardrails: Guardrails = { before: [{ check: 'model', model: 'nowhere/x', question: 'Is it kind?' }] };
  await expect(bed.client.start('ask', { prompt: 'x', policy: { candidates: [GPT], guardrails } })).rejects.toThrow(
    'nowhere',
  );
});
