import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
  await gateway.client.startUnchecked('ask', { prompt: 'a' }, { id: 'r1' });
});
afterEach(() => gateway.served.close());

const delta = (text: string) => ({ type: 'call.delta', call: 'c1', epoch: 1, text });
const completed = { type: 'run.completed', costUsd: 0 };

async function* readEvents(response: Response) {
  const messages: EventSourceMessage[] = [];
  const comments: string[] = [];
  const parser = createParser({ onEvent: (event) => messages.push(event), onComment: (text) => comments.push(text) });
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    parser.feed(chunk);
    while (messages.length > 0) yield { message: messages.shift()!, comments };
    while (comments.length > 0) yield { message: undefined, comments: [comments.shift()!] };
  }
}

async function allEvents(response: Response) {
  const found: EventSourceMessage[] = [];
  for await (const { message } of readEvents(response)) if (message) found.push(message);
  return found;
}

test('events are framed with name, number and JSON, and the stream ends after the last one', async () => {
  gateway.emit('r1', { type: 'run.started', pattern: 'ask' }, delta('They\nwander — 河'), completed);
  const response = await gateway.get('/v1/runs/r1/events');
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events = await allEvents(response);
  expect(events.map(({ event, id }) => [event, id])).toEqual([
    ['run.started', '1'],
    ['call.delta', '2'],
    ['run.completed', '3'],
  ]);
  expect(JSON.parse(events[1]!.data)).toEqual(gateway.runs.get('r1')!.events[1]);
});

test.each([
  ['?after=2', {}, '3'],
  ['', { 'last-event-id': '2' }, '3'],
  ['?after=0', { 'last-event-id': '3' }, '4'],
])('a reader with the cursor %s %j gets what follows', async (query, headers, first) => {
  gateway.emit('r1', delta('a'), delta('b'), delta('c'), completed);
  const events = await allEvents(
    await gateway.get(`/v1/runs/r1/events${query}`, { headers: headers as Record<string, string> }),
  );
  expect(events[0]!.id).toBe(first);
  expect(events.at(-1)!.event).toBe('run.completed');
});

test('a reader that connects before the first event waits for it, kept awake by comments', async () => {
  await gateway.served.close();
  gateway = await gatewayForTest({ heartbeatMs: 20 });
  await gateway.client.startUnchecked('ask', { prompt: 'a' }, { id: 'r1' });
  const seen: string[] = [];
  for await (const { message, comments } of readEvents(await gateway.get('/v1/runs/r1/events'))) {
    if (message) seen.push(message.event!);
    else if (comments[0]!.includes('still here') && !seen.includes('heartbeat')) {
      seen.push('heartbeat');
      gateway.emit('r1', delta('a'), completed);
    }
  }
  expect(seen).toEqual(['heartbeat', 'call.delta', 'run.completed']);
});

test('a reader that goes away is no longer read for', async () => {
  const leaving = new AbortController();
  const response = await gateway.get('/v1/runs/r1/events', { signal: leaving.signal });
  gateway.emit('r1', delta('a'));
  for await (const { message } of readEvents(response)) if (message) break;
  expect(gateway.state.readersOpen).toBe(1);
  leaving.abort();
  while (gateway.state.readersOpen > 0) await gateway.changed();
  expect(gateway.state.readersOpen).toBe(0);
});

test('a slow reader holds the log back instead of filling memory', async () => {
  const many = 20_000;
  gateway.emit('r1', ...Array.from({ length: many }, () => delta('x'.repeat(4096))), completed);
  const response = await gateway.get('/v1/runs/r1/events');
  const read = await settled(() => gateway.state.eventsRead);
  expect(read).toBeGreaterThan(0);
  expect(read).toBeLessThan(many / 2);
  expect(await allEvents(response)).toHaveLength(many + 1);
});

test('a gateway that closes ends its streams politely and answers those who wait', async () => {
  const response = await gateway.get('/v1/runs/r1/events');
  const reading = (async () => {
    let last = '';
    for await (const { comments } of readEvents(response)) last = comments.at(-1) ?? last;
    return last;
  })();
  const asked = Promise.withResolvers<void>();
  gateway.client.outcome = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const waiting = gateway.get('/v1/runs/r1/result?waitSeconds=60');
  await asked.promise;
  const closing = gateway.served.close();
  expect(await reading).toContain('closing');
  expect((await waiting).status).toBe(202);
  await closing;
  await expect(gateway.get('/health/live')).rejects.toThrow();
});

/** The value of something that grows, once it no longer does. */
async function settled(value: () => number): Promise<number> {
  for (let last = -1, same = 0; ; ) {
    const now = value();
    same = now === last && now > 0 ? same + 1 : 0;
    if (same === 20) return now;
    last = now;
    await fetch(`${gateway.served.url}/health/live`);
  }
}

test('who has seen the end is told that nothing more comes, so that browsers do not reconnect for ever', async () => {
  await gateway.post('/v1/runs', { pattern: 'ask', input: { prompt: 'a' }, id: 'over' });
  gateway.emit('over', { type: 'run.started', pattern: 'ask' }, { type: 'run.completed', costUsd: 0 });
  gateway.runs.get('over')!.outcome = { status: 'completed', result: {} };
  const missed = await gateway.get('/v1/runs/over/events', { headers: { 'last-event-id': '1' } });
  expect(missed.status).toBe(200);
  expect(await missed.text()).toContain('event: run.completed');
  const seen = await gateway.get('/v1/runs/over/events', { headers: { 'last-event-id': '2' } });
  expect([seen.status, await seen.text()]).toEqual([204, '']);
});

test('a cursor that is none is refused', async () => {
  await gateway.post('/v1/runs', { pattern: 'ask', input: { prompt: 'a' }, id: 'r' });
  for (const after of ['x', '-1', '1.5']) {
    expect((await gateway.get(`/v1/runs/r/events?after=${after}`)).status).toBe(400);
  }
});
