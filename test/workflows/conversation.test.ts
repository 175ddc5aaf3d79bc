import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import type { CadenzaError } from '../../src/client/index.ts';
import type { ConversationInput } from '../../src/contract/index.ts';
import { answerTo, type ConversationProvider, conversationProvider } from '../setup/conversation-provider.ts';
import { activitiesOf } from '../setup/history.ts';
import { failWith, promptOf } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until, untilEvent } from '../setup/until.ts';
import { query } from '../store/fresh-store.ts';

const policy = { candidates: ['openai/gpt-6-sol'], maxAttempts: 1 };

let provider: ConversationProvider;
let bed: TestBed;
beforeAll(async () => {
  provider = await conversationProvider();
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

/** A conversation, and what the provider is sent for it: its words hold `mark`. */
async function talk(input: Omit<ConversationInput, 'policy'> & { policy?: ConversationInput['policy'] } = {}) {
  const mark = randomUUID().slice(0, 8);
  const { id, result } = await bed.client.start('conversation', { policy, ...input, system: `You are ${mark}.` });
  return {
    id,
    result,
    mark,
    send: (text: string, messageId?: string) => bed.client.send(id, text, { id: messageId }),
    asked: () => provider.billed.filter(({ system }) => system.includes(mark)),
  };
}

test('each message is answered with all that was said before, and the run ends with the number of turns', async () => {
  const { id, send, asked, result, mark } = await talk({
    context: { window: { maxTokens: 4_000 }, pinned: ['I am 7'] },
  });
  const first = await send('message 0');
  expect(first).toMatchObject({ text: answerTo('message 0'), model: 'openai/gpt-6-sol', finishReason: 'stop' });
  expect(first.usage.inputTokens).toBeGreaterThan(0);
  await send('message 1');
  const [, second] = asked();
  expect(second!.messages).toEqual(['message 0', answerTo('message 0'), 'message 1']);
  expect(second!.system).toBe(`You are ${mark}.\n\nFacts to keep in mind:\n- I am 7`);

  await bed.client.end(id);
  expect(await result()).toEqual({ turns: 2 });
  expect((await bed.client.show(id)).status).toBe('completed');
});

test('messages sent at once are answered one after the other, each by its own answer', async () => {
  const { send, asked } = await talk();
  const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => send(`message ${n}`)));
  expect(answers.map(({ text }) => text)).toEqual([1, 2, 3, 4, 5].map((n) => answerTo(`message ${n}`)));
  expect(asked().map(({ messages }) => messages.length)).toEqual([1, 3, 5, 7, 9]);
});

test('a message sent again under its id is not asked again, not even in a later history', async () => {
  const { id, send, asked } = await talk({ historyTurns: 1 });
  const firstRun = (await bed.temporal.workflow.getHandle(id).describe()).runId;
  const first = await send('message 1', 'm-1');
  await send('message 2', 'm-2');
  expect((await bed.temporal.workflow.getHandle(id).describe()).runId).not.toBe(firstRun);
  expect(await send('message 1', 'm-1')).toEqual(first);
  expect(asked().map(({ prompt }) => prompt)).toEqual(['message 1', 'message 2']);
});

test('no message is lost when many come while the run goes on in a new history', async () => {
  const { id, send, asked, result } = await talk({ historyTurns: 3 });
  const numbers = Array.from({ length: 24 }, (_, n) => n);
  const senders = [0, 1, 2, 3].map(async (sender) => {
    for (const n of numbers.filter((each) => each % 4 === sender)) {
      expect((await send(`message ${n}`)).text).toBe(answerTo(`message ${n}`));
    }
  });
  await Promise.all(senders);
  expect(
    asked()
      .map(({ prompt }) => Number(prompt.slice(8)))
      .sort((a, b) => a - b),
  ).toEqual(numbers);
  await bed.client.end(id);
  expect(await result()).toEqual({ turns: 24 });
});

test('equal messages are each asked, also when a new history lies between', async () => {
  const { send, asked } = await talk({ historyTurns: 1, context: { window: { maxTokens: 500 } } });
  for (let n = 0; n < 4; n += 1) await send('message 7');
  expect(asked()).toHaveLength(4);
});

test('the words of an answer are streamed as events of its turn, and of no other', async () => {
  const { id, send } = await talk();
  await send('message 1');
  const sent = await bed.client.say(id, 'message 2', { id: 'mine' });
  const events = await Array.fromAsync(sent.events());
  expect(events[0]).toMatchObject({ type: 'step.started', message: { id: 'mine', text: 'message 2' } });
  expect(new Set(events.map(({ step }) => step))).toEqual(new Set(['turn#2']));
  const words = events.flatMap((event) => (event.type === 'call.delta' ? [event.text] : [])).join('');
  expect(words).toBe((await sent.answer()).text);
  expect(events.at(-1)!.type).toBe('step.completed');

  const again = await bed.client.say(id, 'message 2', { id: 'mine' });
  expect(await Array.fromAsync(again.events())).toEqual(events);
});

test('older turns become a summary by a step of its own, and are sent no more', async () => {
  const { id, send, asked } = await talk({
    context: { window: { maxTokens: 600 }, summary: { whenOverTokens: 300, keepTurns: 2 }, pinned: ['I am 7'] },
  });
  for (let n = 0; n < 16; n += 1) await send(`message ${n} ${'word '.repeat(20)}`);
  const last = asked().at(-1)!;
  const [, kept] = /Summary of the conversation.*\nkept 0 to (\d+)/.exec(last.system)!;
  expect(last.messages[0]).toContain(`message ${Number(kept) + 1} `);
  expect(last.system).toContain('I am 7');
  const steps = (await activitiesOf(bed.temporal, id)).map(({ summary }) => summary!);
  expect(steps.filter((summary) => /· summary(#\d+)?$/.test(summary)).length).toBeGreaterThan(1);
});

test('a summary that fails is left out, and the conversation stays within its limit', async () => {
  const summary = {
    whenOverTokens: 200,
    keepTurns: 1,
    policy: { candidates: ['gemini/gemini-3.8-flash'], maxAttempts: 1 },
  };
  provider.first((request) => request.model.includes('gemini'), failWith(401, 'no such key'));
  const { send, asked, id } = await talk({ context: { window: { maxTokens: 500 }, summary } });
  for (let n = 0; n < 10; n += 1) await send(`message ${n} ${'word '.repeat(20)}`);
  expect(asked()).toHaveLength(10);
  expect(asked().every(({ tokens }) => tokens <= 500)).toBe(true);
  await bed.client.end(id);
  const failed = (await bed.eventsOf(id)).filter(({ type }) => type === 'step.failed');
  expect(failed.length).toBeGreaterThan(0);
  expect(failed.every(({ step }) => step!.startsWith('summary'))).toBe(true);
});

test('a message too long for the context is refused by itself, and the conversation goes on', async () => {
  const { send, asked } = await talk({ context: { window: { maxTokens: 500 } } });
  const refusal = await send('word '.repeat(2_000)).catch((error: CadenzaError) => error);
  expect(refusal).toMatchObject({ code: 'InvalidRequest', error: { type: 'ContextTooLong', path: 'text' } });
  await send('message 1');
  expect(asked().map(({ messages }) => messages)).toEqual([['message 1']]);
});

test('the answer to one message is stopped, and the conversation goes on without it', async () => {
  const { id, send, asked } = await talk();
  provider.first(
    (request) => promptOf(request).includes('at length'),
    () => ({ content: 'on and on '.repeat(500) }),
    { chunkSize: 16, streamingProfile: { ttft: 20, tps: 20 } },
  );
  const long = send('message at length').catch((error: CadenzaError) => error);
  const { step } = await untilEvent(bed.client, id, 'call.delta');
  await bed.client.stop(id, step);
  expect(await long).toMatchObject({ error: { type: 'Cancelled' } });
  expect(await send('message 2')).toMatchObject({ text: answerTo('message 2') });
  expect(JSON.stringify(asked().at(-1))).not.toContain('at length');
});

test('a message that no model answers leaves nothing behind, and can be sent again', async () => {
  const { send, asked } = await talk();
  let down = true;
  provider.first((request) => down && promptOf(request) === 'message 50', failWith(401, 'the key is not known'));
  const refusal = await send('message 50').catch((error: CadenzaError) => error);
  expect(refusal).toMatchObject({ code: 'NotAnswered', error: { type: 'AuthenticationFailed', step: 'turn' } });
  down = false;
  await send('message 50');
  expect(asked().map(({ messages }) => messages)).toEqual([['message 50']]);
});

test('a window that the provider finds too long is halved, and stays so', async () => {
  const { send, asked } = await talk({ context: { window: { maxTokens: 4_000 } } });
  for (let n = 0; n < 6; n += 1) await send(`message ${n} ${'word '.repeat(150)}`);
  let tooLong = 0;
  provider.first(
    (request) => {
      const isLong = JSON.stringify(request.messages).length > 4_000 && JSON.stringify(request).includes('message 6');
      if (isLong) tooLong += 1;
      return isLong;
    },
    () => ({
      status: 400,
      error: {
        message: "This model's maximum context length is 1000 tokens",
        code: 'context_length_exceeded',
        type: 'invalid_request_error',
      },
    }),
  );
  expect((await send(`message 6`)).text).toBe(answerTo('message 6'));
  expect(tooLong).toBeGreaterThan(0);
  const before = tooLong;
  await send(`message 7`);
  expect(tooLong).toBe(before);
  expect(asked().at(-1)!.tokens).toBeLessThan(2_000);
});

test('a conversation nobody speaks in ends by itself, and then takes no more messages', async () => {
  const { id, send, result } = await talk({ idle: '1 s' });
  await send('message 1');
  expect(await result()).toEqual({ turns: 1 });
  const late = await send('message 2').catch((error: CadenzaError) => error);
  expect(late).toMatchObject({ code: 'Conflict', message: `The conversation "${id}" has ended` });
});

test('an end that comes while the last turn of a history is answered is not lost', async () => {
  const { id, send, result } = await talk({ historyTurns: 1 });
  const answering = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  provider.first(
    (request) => promptOf(request) === 'message 70',
    async () => {
      asked.resolve();
      await answering.promise;
      return { content: answerTo('message 70') };
    },
  );
  const answer = send('message 70');
  await asked.promise;
  await bed.client.end(id);
  answering.resolve();
  expect((await answer).text).toBe(answerTo('message 70'));
  expect(await result()).toEqual({ turns: 1 });
});

test('a message that comes while the run writes its end is refused, not taken and lost', async () => {
  const { id, result } = await talk({ idle: '500 ms' });
  const locked = new pg.Client({ connectionString: bed.databaseUrl });
  await locked.connect();
  try {
    await locked.query('begin');
    // The run has no events yet: its end makes its row, and waits for this one.
    await locked.query('lock table runs in share mode');
    await until(async () => {
      const sql = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      return (await query(bed.databaseUrl, sql)).length > 0 || undefined;
    });
    const sent = bed.temporal.workflow.getHandle(id).executeUpdate('send', { args: [{ text: 'message 71' }] });
    await expect(sent).rejects.toMatchObject({
      name: 'WorkflowUpdateFailedError',
      cause: { type: 'InvalidRequest', message: expect.stringContaining('was ended') },
    });
  } finally {
    await locked.query('rollback');
    await locked.end();
  }
  expect(await result()).toEqual({ turns: 0 });
});

test('cancelling ends a message that is being answered, and those that wait', async () => {
  const { id, send } = await talk();
  provider.first(
    (request) => promptOf(request) === 'message 60',
    () => ({ content: 'slow '.repeat(16) }),
    // Far from done when it is cancelled, however busy the machine is.
    { latency: 5_000 },
  );
  const refused = (text: string) => send(text).catch((error: CadenzaError) => error);
  const first = refused('message 60');
  for await (const event of bed.client.events(id)) if (event.type === 'call.started') break;
  const second = refused('message 61');
  await bed.client.cancel(id);
  for (const error of await Promise.all([first, second])) {
    expect(error).toMatchObject({ code: 'Conflict', error: { type: 'Cancelled' } });
  }
  expect(await bed.client.outcome(id, 10)).toMatchObject({ status: 'cancelled' });
});

test.each([
  ['a blank text', ' ', undefined, 'text'],
  ['an id that cannot be one', 'message 1', 'a b', 'id'],
])('%s is refused before it is sent', async (_, text, messageId, path) => {
  const { send } = await talk();
  expect(await send(text, messageId).catch((error: CadenzaError) => error)).toMatchObject({
    code: 'InvalidRequest',
    error: { path },
  });
});

test('a run of another pattern takes no messages', async () => {
  const run = await bed.client.start('ask', { prompt: 'message 1', policy });
  await expect(bed.client.send(run.id, 'message 2')).rejects.toThrow('of the pattern ask, which takes no messages');
});

test.each([
  [
    { context: { window: { maxTokens: 1_000 }, summary: { whenOverTokens: 1_000, keepTurns: 1 } } },
    'input.context.summary.whenOverTokens',
  ],
  [
    { context: { window: { maxTokens: 1_000 }, summary: { whenOverTokens: 500, keepTurns: 1, policy: 'nobody' } } },
    'input.context.summary.policy',
  ],
  [{ idle: 'soon' }, 'input.idle'],
])('%j is refused before anything starts', async (input, path) => {
  const refusal = await bed.client.startUnchecked('conversation', input).catch((error: CadenzaError) => error);
  expect(refusal).toMatchObject({ code: 'InvalidRequest', error: { path } });
});

test('instructions that leave no room for a message fail the run at once', async () => {
  const input = { system: 'word '.repeat(1_000), policy, context: { window: { maxTokens: 500 } } };
  const run = await bed.client.start('conversation', input);
  await expect(run.result()).rejects.toThrow(/have about 10\d\d tokens, and a request may have 500/);
});

test('a plain Temporal client talks by the Update alone', async () => {
  const id = `talk-${randomUUID()}`;
  const handle = await bed.temporal.workflow.start('conversation', {
    workflowId: id,
    taskQueue: bed.taskQueue,
    args: [{ policy }, { tenant: 'acme' }],
  });
  expect(await handle.executeUpdate('send', { args: [{ text: 'message 3' }] })).toMatchObject({
    text: answerTo('message 3'),
  });
  await handle.signal('end');
  expect(await handle.result()).toEqual({ turns: 1 });
});
