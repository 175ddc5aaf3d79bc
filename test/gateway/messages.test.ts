import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { gatewayForTest, type TestGateway } from './gateway-for-test.ts';

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await gatewayForTest();
  await gateway.post('/v1/runs', { pattern: 'conversation', input: {}, id: 'talk/1' });
});
afterEach(() => gateway.served.close());

const MESSAGES = '/v1/runs/talk%2F1/messages';

test('a message is answered', async () => {
  const response = await gateway.post(MESSAGES, { text: 'Why?' });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ text: 'answer to: Why?', model: 'sandbox/gpt' });
});

test('with wait=false a message is taken, and its events have an address that begins with it', async () => {
  gateway.emit('talk/1', { type: 'run.started', pattern: 'conversation' });
  const response = await gateway.post(`${MESSAGES}?wait=false`, { text: 'Why?', id: 'm-7' });
  expect(response.status).toBe(202);
  expect(await response.json()).toMatchObject({
    id: 'm-7',
    run: 'talk/1',
    links: { self: '/v1/runs/talk%2F1', events: '/v1/runs/talk%2F1/events?after=1' },
  });
});

test('a message is named by its id, else by the Idempotency-Key', async () => {
  await gateway.post(MESSAGES, { text: 'a', id: 'mine' }, { 'idempotency-key': 'key' });
  await gateway.post(MESSAGES, { text: 'b' }, { 'idempotency-key': 'key' });
  expect(gateway.runs.get('talk/1')!.messages.map(({ id }) => id)).toEqual(['mine', 'key']);

  await gateway.post('/v1/runs', { pattern: 'agent', input: { task: 'Walk', tools: [] }, id: 'walk' });
  const taken = await gateway.post('/v1/runs/walk/messages', { text: 'a', id: 'mine' }, { 'idempotency-key': 'key' });
  expect(await taken.json()).toMatchObject({ id: 'mine', run: 'walk', taken: true });
  await gateway.post('/v1/runs/walk/messages', { text: 'b' }, { 'idempotency-key': 'key' });
  expect(gateway.runs.get('walk')!.messages.map(({ id }) => id)).toEqual(['mine', 'key']);
});

test.each([
  ['no text', {}, 'text'],
  ['a text of blanks', { text: '  ' }, 'text'],
  ['an unknown field', { text: 'a', colour: 1 }, 'colour'],
  ['an id that cannot be one', { text: 'a', id: 'a b' }, 'id'],
])('%s is refused before anything is sent', async (_, body, path) => {
  const response = await gateway.post(MESSAGES, body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ errorType: 'InvalidRequest', path });
  expect(gateway.runs.get('talk/1')!.messages).toEqual([]);
});

test('a conversation that was ended takes no more messages', async () => {
  const ended = await gateway.post('/v1/runs/talk%2F1/end', {});
  expect(ended.status).toBe(202);
  expect(await ended.json()).toMatchObject({ id: 'talk/1', status: 'completed' });
  const late = await gateway.post(MESSAGES, { text: 'Still there?' });
  expect(late.status).toBe(409);
  expect(await late.json()).toMatchObject({ errorType: 'Conflict', detail: '"talk/1" has ended' });
});

test('a message to a run that is not there is not found', async () => {
  expect((await gateway.post('/v1/runs/nobody/messages', { text: 'a' })).status).toBe(404);
});
