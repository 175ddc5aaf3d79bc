import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Rooms } from '../../src/activities/rooms.ts';
import { AttemptFailed, streamReply } from '../../src/activities/stream-reply.ts';
import { Config } from '../../src/config/index.ts';
import { DEFAULT_TIMEOUTS, type NewEvent, type Timeouts } from '../../src/contract/index.ts';
import type { ProviderCall, ProviderChunk } from '../../src/providers/index.ts';

const model = 'peer/m';
const END: ProviderChunk = { type: 'end', finishReason: 'stop', usage: { inputTokens: 1, outputTokens: 1 } };

/** Streams what the provider says, to a writer that is told when each event is committed. */
function streaming(
  stream: (call: ProviderCall) => AsyncIterable<ProviderChunk>,
  emit: (event: NewEvent) => Promise<void>,
  timeouts: Timeouts = {},
) {
  const provider = { name: 'peer', stream, asCallError: () => ({ type: 'ConnectionLost' as const, message: 'cut' }) };
  const rooms = { providers: { open: () => provider }, config: Config.parse({}), secrets: ['sk-secret-123'] };
  return streamReply(rooms as unknown as Rooms, {
    call: {
      run: { id: 'r', chain: 'r', pattern: 'ask', startedAt: '2026-11-25T00:00:00Z' },
      step: 's',
      model,
      candidates: [model],
      timeouts: { ...DEFAULT_TIMEOUTS, ...timeouts },
      maxAttempts: 1,
      maxRetryAfterMs: 0,
    },
    request: { messages: [{ role: 'user', content: 'Hello' }] },
    signal: new AbortController().signal,
    emit,
    onFirstToken: () => {},
  });
}

test('a database that is away neither stops the reading nor fills memory, and loses nothing', async () => {
  const commits: (() => void)[] = [];
  const events: NewEvent[] = [];
  const emit = (event: NewEvent) =>
    new Promise<void>((commit) => {
      events.push(event);
      commits.push(commit);
    });
  async function* talkative(): AsyncGenerator<ProviderChunk> {
    yield { type: 'open' };
    for (let n = 0; n < 5_000; n++) yield { type: n % 2 ? 'text' : 'reasoning', text: `${n} ` };
    yield END;
  }
  const { text, reasoning } = await streaming(talkative, emit);
  // Nothing was committed until now, and the whole answer is here.
  expect(text.split(' ')).toHaveLength(2_501);
  expect(events.length).toBeLessThan(300);
  for (const commit of commits) commit();
  await turn();
  const said = (type: string) =>
    events.flatMap((event) => (event.type === type && 'text' in event ? [event.text] : [])).join('');
  expect([said('call.delta'), said('call.reasoning')]).toEqual([text, reasoning]);
});

test('a slow database is no silence of the provider', async () => {
  const commits: (() => void)[] = [];
  async function* steady({ heard }: ProviderCall): AsyncGenerator<ProviderChunk> {
    yield { type: 'open' };
    for (let n = 0; n < 400; n++) yield { type: 'text', text: 'x' };
    heard?.(true);
    yield END;
  }
  const emit = () => new Promise<void>((commit) => void commits.push(commit));
  const reply = await streaming(steady, emit, { firstTokenMs: 50, betweenTokensMs: 50 });
  expect(reply.text).toHaveLength(400);
  for (const commit of commits) commit();
});

test('events that the database refuses end the call, with what was streamed until then', async () => {
  async function* words(): AsyncGenerator<ProviderChunk> {
    yield { type: 'open' };
    for (let n = 0; n < 3; n++) {
      yield { type: 'text', text: 'word ' };
      await turn();
    }
    yield END;
  }
  const failed = await streaming(words, () => Promise.reject(new Error('refused'))).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(AttemptFailed);
  expect((failed as AttemptFailed).cause).toEqual(new Error('refused'));
  expect((failed as AttemptFailed).partial).toMatchObject({ estimated: true });
});

test('a call that no response came for books nothing', async () => {
  // biome-ignore lint/correctness/useYield: it fails before its first chunk
  async function* refused(): AsyncGenerator<ProviderChunk> {
    throw new Error('ECONNREFUSED');
  }
  const failed = await streaming(refused, async () => {}).catch((error: unknown) => error);
  expect((failed as AttemptFailed).partial).toBeUndefined();
});

test.each([true, false])('a call whose clock ran out before its response began, sent: %p', async (isSent) => {
  async function* silent({ signal, onSent }: ProviderCall): AsyncGenerator<ProviderChunk> {
    if (isSent) onSent?.();
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  }
  const failed = await streaming(silent, async () => {}, { connectMs: 20 }).catch((error: unknown) => error);
  const { partial } = failed as AttemptFailed;
  if (isSent) expect(partial).toMatchObject({ estimated: true, usage: { outputTokens: 0 } });
  else expect(partial).toBeUndefined();
});

test('a provider that was heard while this process was busy has not been silent', async () => {
  async function* heardLate(): AsyncGenerator<ProviderChunk> {
    yield { type: 'open' };
    const blockedUntil = performance.now() + 120;
    while (performance.now() < blockedUntil);
    // What the socket holds is read in the event loop's turn after the timers that ran out meanwhile.
    await turn();
    yield { type: 'text', text: 'Here.' };
    yield END;
  }
  expect((await streaming(heardLate, async () => {}, { firstTokenMs: 60 })).text).toBe('Here.');
});
