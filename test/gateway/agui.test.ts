import { type BaseEvent, EventType, HttpAgent, type Message } from '@ag-ui/client';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type FrontDoor, frontDoor } from '../setup/front-door.ts';

let door: FrontDoor;
let agent: HttpAgent;
const events: BaseEvent[] = [];
const subscriber = { onEvent: ({ event }: { event: BaseEvent }) => void events.push(event) };

beforeAll(async () => {
  door = await frontDoor((prompt, nth) => {
    if (/^\{|booked|sunny|blue|by the window|ToolDenied/.test(prompt)) return { words: ['so it is: ', prompt] };
    if (prompt.includes('hotel'))
      return {
        words: ['Let me ', 'see.'],
        toolCalls: [
          { id: 'call_w', name: 'weather', arguments: { city: 'Rome' } },
          { id: 'call_b', name: 'book', arguments: { city: 'Rome' } },
        ],
      };
    if (prompt.includes('question'))
      return { toolCalls: [{ id: 'call_q', name: 'ask_person', arguments: { question: 'Where do you sit?' } }] };
    if (prompt.includes('colour')) return { toolCalls: [{ id: 'call_c', name: 'favourite_colour', arguments: {} }] };
    if (prompt.includes('cut off') && nth === 1) return { words: ['This is ', 'taken back'], paceMs: 20, end: 'cut' };
    // For a second: words that wait together become one piece.
    if (prompt === 'Hello') return { words: [...`answer to: ${prompt}`], paceMs: 60 };
    return prompt.includes('refused')
      ? { status: 400, error: 'not of this kind' }
      : { words: ['answer ', 'to: ', prompt] };
  });
});
afterAll(() => door.close());

function talk(name: string, path = '/v1/agui'): HttpAgent {
  events.length = 0;
  agent = new HttpAgent({ url: door.url + path, threadId: name });
  return agent;
}

async function say(content: string, more: Parameters<HttpAgent['runAgent']>[0] = {}) {
  agent.addMessage({ id: `m${agent.messages.length}`, role: 'user', content });
  return agent.runAgent(more, subscriber);
}

const last = () => agent.messages.at(-1) as Message & { content: string };
const types = () => events.map(({ type }) => type);

test('an answer is heard as it comes, and the next one knows what was said', async () => {
  talk('words');
  const { result } = await say('Hello', { runId: 'first' });
  expect(last().content).toBe('answer to: Hello');
  expect(types().filter((type) => type === EventType.TEXT_MESSAGE_CONTENT).length).toBeGreaterThan(1);
  expect(events[0]).toMatchObject({ type: 'RUN_STARTED', threadId: 'words', runId: 'first', protocolVersion: '1.0' });
  expect(result.runId).toBe('agui:words:first');
  expect(events.at(-1)).toMatchObject({
    type: 'RUN_FINISHED',
    usage: [{ provider: 'chat', model: 'm', inputTokens: 20 }],
  });
  await say('And again');
  expect(last().content).toBe('answer to: And again');
  expect(door.peer.askedWith('And again')[0].messages.map(({ role }: { role: string }) => role)).toEqual([
    'user',
    'assistant',
    'user',
  ]);
});

test('asked again with the same ids, it is the same run: nothing is paid twice', async () => {
  talk('twice');
  await say('Only once', { runId: 'r' });
  const heard = events.filter(({ type }) => type !== EventType.RUN_STARTED);
  const body = JSON.stringify({
    threadId: 'twice',
    runId: 'r',
    messages: [{ id: 'm0', role: 'user', content: 'Only once' }],
    tools: [],
    context: [],
  });
  const post = (headers = {}) =>
    fetch(`${door.url}/v1/agui`, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  const again = await (await post()).text();
  expect(again.match(/TEXT_MESSAGE_CONTENT/g)).toHaveLength(
    heard.filter(({ type }) => type === EventType.TEXT_MESSAGE_CONTENT).length,
  );
  const [, cursor] = /id: (\d+)\n\ndata: [^\n]*RUN_FINISHED/.exec(again)!;
  const rest = await (await post({ 'last-event-id': cursor })).text();
  expect(rest).toContain('RUN_FINISHED');
  expect(rest).not.toContain('TEXT_MESSAGE_CONTENT');
  expect(door.peer.askedWith('Only once')).toHaveLength(1);
});

test('a tool that needs a yes is an interrupt, which the next run resumes, with other arguments too', async () => {
  talk('interrupted', '/v1/agui/clerk');
  await say('A hotel');
  expect(agent.pendingInterrupts).toMatchObject([
    { reason: 'tool_call', toolCallId: 'call_b', message: 'May book be used?' },
  ]);
  expect(events.find(({ type }) => type === 'TOOL_CALL_RESULT')).toMatchObject({ toolCallId: 'call_w' });
  const [interrupt] = agent.pendingInterrupts;
  const payload = { approved: true, editedArgs: { city: 'Bern' } };
  events.length = 0;
  await agent.runAgent({ resume: [{ interruptId: interrupt!.id, status: 'resolved', payload }] }, subscriber);
  expect(last().content).toBe('so it is: booked in Bern');
  expect(types()).not.toContain(EventType.TOOL_CALL_START);
  expect(agent.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'tool', 'assistant']);
  expect(door.weathers).toEqual(['Rome']);
});

test('what a person is asked is an interrupt too, and is answered with words', async () => {
  talk('asked', '/v1/agui/clerk');
  await say('A question');
  const [{ id, reason, message }] = agent.pendingInterrupts as never as [Record<string, string>];
  expect({ reason, message }).toEqual({ reason: 'input_required', message: 'Where do you sit?' });
  const payload = { approved: true, comment: 'by the window' };
  await agent.runAgent({ resume: [{ interruptId: id!, status: 'resolved', payload }] }, subscriber);
  expect(last().content).toContain('by the window');
});

test('an interrupt that is not known, or left out, is an error of the run', async () => {
  talk('left-out', '/v1/agui/clerk');
  await say('A hotel');
  agent.pendingInterrupts = [];
  await agent.runAgent({}, subscriber).catch(() => {});
  expect(events.at(-1)).toMatchObject({ type: 'RUN_ERROR', message: expect.stringContaining('wait for an answer') });
  await agent.runAgent({ resume: [{ interruptId: 'nowhere#x', status: 'cancelled' }] }, subscriber).catch(() => {});
  expect(events.at(-1)).toMatchObject({ type: 'RUN_ERROR', message: expect.stringContaining('no interrupt') });
});

test('the client does the work of a tool of its own, and the same run goes on', async () => {
  talk('client-side');
  const tools = [
    { name: 'favourite_colour', description: 'Of the user', parameters: { type: 'object', properties: {} } },
  ];
  const { result } = await say('Which colour?', { tools });
  expect(events.at(-1)).toMatchObject({ outcome: { type: 'success', pendingToolCallIds: ['call_c'] } });
  agent.addMessage({ id: 'given', role: 'tool', toolCallId: 'call_c', content: 'blue' });
  const goneOn = await agent.runAgent({ tools }, subscriber);
  expect(last().content).toBe('so it is: blue');
  expect(goneOn.result.runId).toBe(result.runId);
});

test('words that are taken back are taken back from the client’s messages', async () => {
  talk('retried');
  await say('This is cut off');
  expect(agent.messages).toHaveLength(2);
  expect(last().content).toBe('answer to: This is cut off');
  expect(types()).toContain(EventType.MESSAGES_SNAPSHOT);
});

test('what goes wrong is an error of the run; what is not usable has a status', async () => {
  talk('failed');
  await say('To be refused').catch(() => {});
  expect(events.at(-1)).toMatchObject({ type: 'RUN_ERROR', code: 'InvalidRequest' });
  const post = (path: string, body: object) =>
    fetch(door.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const unusable = await post('/v1/agui', { threadId: 't', runId: 'r', messages: [{ id: 'm', role: 'robot' }] });
  expect([unusable.status, ((await unusable.json()) as { path: string }).path]).toEqual([
    400,
    expect.stringContaining('messages'),
  ]);
  const nobody = await post('/v1/agui/nobody', {
    threadId: 't',
    runId: 'r',
    messages: [{ id: 'm', role: 'user', content: 'x' }],
  });
  expect(nobody.status).toBe(404);
});

test('a client that goes away leaves the run going', async () => {
  talk('left');
  const gone = new AbortController();
  const started = say('Stay', { runId: 'stays', abortController: gone });
  gone.abort();
  await started.catch(() => {});
  talk('left');
  await say('Stay', { runId: 'stays' });
  expect(last().content).toBe('answer to: Stay');
  expect(door.peer.askedWith('Stay')).toHaveLength(1);
});
