import { randomUUID } from 'node:crypto';
import {
  type AgentCard,
  type Message,
  type Part,
  Role,
  type SendMessageRequest,
  type StreamResponse,
  type Task,
  TaskState,
} from '@a2a-js/sdk';
import { type Client, ClientFactory, DefaultAgentCardResolver, JsonRpcTransportFactory } from '@a2a-js/sdk/client';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type FrontDoor, frontDoor } from '../setup/front-door.ts';
import { until, untilEvent } from '../setup/until.ts';

let door: FrontDoor;
let hungUp = Promise.withResolvers<void>();
beforeAll(async () => {
  door = await frontDoor((prompt, nth) => {
    if (/^\{|booked|sunny|by the window|ToolDenied/.test(prompt)) return { words: ['so it is: ', prompt] };
    if (prompt.includes('hotel'))
      return { words: ['Let me see.'], toolCalls: [{ id: 'call_b', name: 'book', arguments: { city: 'Rome' } }] };
    if (prompt.includes('question'))
      return { toolCalls: [{ id: 'call_q', name: 'ask_person', arguments: { question: 'Where do you sit?' } }] };
    if (prompt.includes('for ever'))
      return { words: ['on', ' and on.'], end: 'hang', onHangUp: () => hungUp.resolve() };
    if (prompt.includes('unhurried')) return { words: Array.from({ length: 30 }, () => 'word '), paceMs: 100 };
    if (prompt.includes('cut off') && nth === 1) return { words: ['This is ', 'taken back'], paceMs: 20, end: 'cut' };
    // For a second: words that wait together become one piece.
    if (prompt === 'Stream') return { words: [...`answer to: ${prompt}`], paceMs: 60 };
    return prompt.includes('refused')
      ? { status: 400, error: 'not of this kind' }
      : { words: ['answer ', 'to: ', prompt] };
  });
});
afterAll(() => door.close());

const VERSIONS = ['1.0', '0.3'];

/** The SDK's own client, of a version that the card offers. */
async function clientOf(version: string, path = '', url = door.url): Promise<Client> {
  const legacyCompat = { enabled: version === '0.3' };
  const resolver = new DefaultAgentCardResolver({ legacyCompat });
  const card = await resolver.resolve(`${url}${path}/`);
  const only: AgentCard = {
    ...card,
    supportedInterfaces: card.supportedInterfaces.filter(({ protocolVersion }) => protocolVersion.startsWith(version)),
  };
  expect(only.supportedInterfaces).toHaveLength(1);
  return new ClientFactory({ transports: [new JsonRpcTransportFactory({ legacyCompat })] }).createFromAgentCard(only);
}

function message(parts: string | object, more: Partial<Message> = {}): SendMessageRequest {
  const content = typeof parts === 'string' ? { $case: 'text', value: parts } : { $case: 'data', value: parts };
  const said = {
    ...{ messageId: randomUUID(), contextId: '', taskId: '', role: Role.ROLE_USER, metadata: undefined },
    ...{ extensions: [], referenceTaskIds: [], parts: [{ content, metadata: undefined, filename: '', mediaType: '' }] },
    ...more,
  };
  return { tenant: '', message: said, configuration: undefined, metadata: undefined } as never;
}

const textIn = (parts: Part[] = []) =>
  parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');
const answerIn = (task: Task) => textIn(task.artifacts[0]?.parts);

/** The answer as a reader of the stream has it in the end, and the states it saw. */
async function heard(stream: AsyncIterable<StreamResponse>) {
  let answer = '';
  let pieces = 0;
  let id = '';
  const states: TaskState[] = [];
  for await (const { payload } of stream) {
    if (payload?.$case === 'task') {
      id = payload.value.id;
      states.push(payload.value.status!.state);
    }
    if (payload?.$case === 'statusUpdate') states.push(payload.value.status!.state);
    if (payload?.$case !== 'artifactUpdate') continue;
    pieces += 1;
    const text = textIn(payload.value.artifact?.parts);
    answer = payload.value.append ? answer + text : text;
  }
  return { answer, pieces, states, id };
}

describe.each(VERSIONS)('with the client of A2A %s', (version) => {
  test('a message is a task, whose answer is its artifact', async () => {
    const client = await clientOf(version);
    const task = (await client.sendMessage(message('Hello', { contextId: 'talk' }))) as Task;
    expect([task.status?.state, task.contextId, answerIn(task)]).toEqual([
      TaskState.TASK_STATE_COMPLETED,
      'talk',
      'answer to: Hello',
    ]);
    const again = await client.getTask({ tenant: '', id: task.id });
    expect([again.id, again.status?.state, answerIn(again)]).toEqual([task.id, task.status?.state, 'answer to: Hello']);
    expect((await door.client.show(task.id)).pattern).toBe('agent');
  });

  test('a message that is sent again is the same task', async () => {
    const client = await clientOf(version);
    const sent = message(`Only once, ${version}`);
    const [one, other] = [(await client.sendMessage(sent)) as Task, (await client.sendMessage(sent)) as Task];
    expect(other.id).toBe(one.id);
    expect(door.peer.askedWith(`Only once, ${version}`)).toHaveLength(1);
  });

  test('a message to a task at work that is sent again is read once', async () => {
    const client = await clientOf(version);
    const answer = heard(client.sendMessageStream(message(`Be unhurried, ${version}`)));
    const { id } = await until(async () => (await door.client.list({ status: 'running' })).runs[0]);
    const more = { ...message(`And one more, ${version}`, { taskId: id }), configuration: { returnImmediately: true } };
    for (let n = 0; n < 2; n += 1) await client.sendMessage(more as SendMessageRequest);
    expect((await answer).answer).toBe(`answer to: And one more, ${version}`);
    const [asked] = door.peer.askedWith(`And one more, ${version}`);
    expect(asked!.messages.filter(({ role }: { role: string }) => role === 'user')).toHaveLength(2);
  });

  test('an answer is streamed; words that are taken back are replaced', async () => {
    const client = await clientOf(version);
    const { answer, pieces, states } = await heard(client.sendMessageStream(message('Stream')));
    expect(answer).toBe('answer to: Stream');
    expect(pieces).toBeGreaterThan(2);
    expect(states).toEqual([TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED]);
    const retried = await heard(client.sendMessageStream(message(`This is cut off, ${version}`)));
    expect(retried.answer).toBe(`answer to: This is cut off, ${version}`);
  });

  test('a tool that needs a yes is input that is required; the next message of the task gives it', async () => {
    const client = await clientOf(version, '/a2a/clerk');
    const first = await heard(client.sendMessageStream(message('A hotel')));
    expect(first.states.at(-1)).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const asked = await client.getTask({ tenant: '', id: first.id });
    expect(textIn(asked.status?.message?.parts)).toBe('May book be used with {"city":"Rome"}?');
    const unclear = client.sendMessage(message('Perhaps', { taskId: first.id }));
    await expect(unclear).rejects.toThrow('yes or a no');
    const data = { approved: true, arguments: { city: 'Bern' } };
    const ended = await heard(client.sendMessageStream(message(data, { taskId: first.id })));
    expect([ended.answer, ended.id, ended.states.at(-1)]).toEqual([
      'so it is: booked in Bern',
      first.id,
      TaskState.TASK_STATE_COMPLETED,
    ]);
  });

  test('a question of the agent is answered in words', async () => {
    const client = await clientOf(version, '/a2a/clerk');
    const asked = (await client.sendMessage(message('A question'))) as Task;
    expect(textIn(asked.status?.message?.parts)).toBe('Where do you sit?');
    const ended = (await client.sendMessage(message('by the window', { taskId: asked.id }))) as Task;
    expect(answerIn(ended)).toContain('by the window');
  });

  test('a task outlives its reader and its gateway: another one takes up its stream, whole', async () => {
    const client = await clientOf(version);
    const gone = new AbortController();
    const stream = client.sendMessageStream(message('Talk for ever'), { signal: gone.signal });
    const first = await stream.next();
    const { id } = (first.value as StreamResponse).payload!.value as Task;
    gone.abort();
    const other = await door.another();
    const there = await clientOf(version, '', other.url);
    const answer = there.resubscribeTask({ tenant: '', id });
    let said = '';
    for await (const { payload } of answer) {
      if (payload?.$case !== 'artifactUpdate') continue;
      const text = textIn(payload.value.artifact?.parts);
      said = payload.value.append ? said + text : text;
      if (said === 'on and on.') break;
    }
    const cancelled = await there.cancelTask({ tenant: '', id, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    await hungUp.promise;
    hungUp = Promise.withResolvers();
    await expect(there.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toThrow('cancelled');
    await untilEvent(door.client, id, 'run.cancelled');
    await other.close();
  });

  test('what goes wrong is said in the words of A2A', async () => {
    const client = await clientOf(version);
    const failed = (await client.sendMessage(message('To be refused'))) as Task;
    expect(failed.status?.state).toBe(TaskState.TASK_STATE_FAILED);
    expect(textIn(failed.status?.message?.parts)).toContain('not of this kind');
    await expect(client.getTask({ tenant: '', id: 'nowhere' })).rejects.toThrow('nowhere');
    await expect(client.sendMessage(message('More', { taskId: failed.id }))).rejects.toThrow('nothing can be added');
    const isLegacy = version === '0.3';
    const method = isLegacy ? 'tasks/pushNotificationConfig/set' : 'CreateTaskPushNotificationConfig';
    const config = { url: 'https://example.org' };
    const params = isLegacy ? { taskId: failed.id, pushNotificationConfig: config } : { taskId: failed.id, ...config };
    const refused = await fetch(`${door.url}/a2a`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(!isLegacy && { 'a2a-version': '1.0' }) },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    // -32003: push notifications are not supported
    expect(await refused.json()).toMatchObject({ id: 1, error: { code: -32_003 } });
  });
});

test('the card needs no key, and says where the agent is and what it is for', async () => {
  const card = (await (await fetch(`${door.url}/a2a/clerk/.well-known/agent-card.json`)).json()) as Record<
    string,
    unknown
  >;
  expect(card).toMatchObject({
    name: 'clerk',
    description: 'Plans journeys',
    url: `${door.url}/a2a/clerk`,
    protocolVersion: '0.3.0',
  });
  expect((await fetch(`${door.url}/a2a/nobody/.well-known/agent-card.json`)).status).toBe(404);
});
