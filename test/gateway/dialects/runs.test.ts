import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../../src/config/index.ts';
import { type ChatPeer, chatPeer } from '../../setup/chat-peer.ts';
import { until } from '../../setup/until.ts';
import { type DialectsBed, dialectsBed } from './dialects-bed.ts';

const WORDS = ['Rivers ', 'bend ', 'because ', 'they ', 'erode.'];
const TEXT = WORDS.join('');

/** Whoever reads an answer has heard the words that are taken back. */
const wordsHeard = Promise.withResolvers<void>();

let peer: ChatPeer;
let bed: DialectsBed;

beforeAll(async () => {
  peer = await chatPeer(async (prompt, nth) => {
    if (prompt.includes('breaks once') && nth === 1) return { words: WORDS.slice(0, 2), end: 'cut' };
    if (prompt.includes('breaks, then says another')) {
      return nth === 1 ? { words: WORDS.slice(0, 2), end: 'cut' } : { words: ['Lakes ', 'do ', 'not.'] };
    }
    if (prompt.includes('takes its words back')) {
      if (nth === 1) return { words: WORDS.slice(0, 2), end: 'cut' };
      await wordsHeard.promise;
      return { words: ['Lakes ', 'do ', 'not.'] };
    }
    const paceMs = prompt.includes('slowly') ? 40 : 0;
    if (prompt.includes('hangs')) return { words: WORDS.slice(0, 2), end: 'hang', paceMs };
    if (prompt.includes('fenced')) return { words: ['```json\n', '{"town":', '"Bergen"}', '\n```'] };
    if (prompt.includes('mail')) return { words: ['Write to ', 'ann@', 'example.org', ' today.'] };
    if (prompt.includes('filtered')) return { words: ['I '], finishReason: 'content_filter' };
    if (prompt.includes('Rank') || prompt.includes('rank')) return { words: ['not json'] };
    return { words: WORDS, paceMs };
  });
  const config: ConfigInput = {
    providers: { local: peer.provider },
    aliases: { fast: 'local/m' },
    policies: {
      strong: { candidates: ['local/n'], maxAttempts: 2 },
      checked: {
        candidates: ['local/m'],
        guardrails: { after: [{ check: 'personalData', onFailure: 'redact' }] },
      },
    },
    routes: {
      auto: { strategy: 'rules', rules: [{ when: { code: true }, choose: 'strong' }], default: 'fast' },
    },
    agents: { librarian: { description: 'Knows books', policy: 'fast', system: 'You are a librarian.' } },
  };
  bed = await dialectsBed({ config });
});
afterAll(async () => {
  await bed?.close();
  await peer?.stop();
});

interface Ask {
  model?: string;
  key?: string;
  stream?: boolean;
  signal?: AbortSignal;
  more?: object;
}

function ask(content: string, { model = 'strong', key, stream = false, signal, more }: Ask = {}): Promise<Response> {
  return fetch(`${bed.url}/v1/chat/completions`, {
    method: 'POST',
    signal,
    headers: { 'content-type': 'application/json', ...(key ? { 'idempotency-key': key } : {}) },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }], stream, ...more }),
  });
}

/** The text of a stream, and what of it was an error. */
async function told(response: Response): Promise<{ text: string; error?: { code: string }; isDone: boolean }> {
  const frames = (await response.text()).split('\n\n').filter((frame) => frame.startsWith('data: '));
  const isDone = frames.at(-1) === 'data: [DONE]';
  const chunks = frames.filter((frame) => frame !== 'data: [DONE]').map((frame) => JSON.parse(frame.slice(6)));
  const text = chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('');
  return { text, error: chunks.at(-1)?.error, isDone };
}

async function textOf(response: Response): Promise<string> {
  return ((await response.json()) as { choices: [{ message: { content: string } }] }).choices[0].message.content;
}

test('a call repeated with its Idempotency-Key gives the same run’s answer, streamed again, and is paid once', async () => {
  const first = await ask('Once only', { key: 'key-1', stream: true });
  const again = await ask('Once only', { key: 'key-1', stream: true });
  expect(await told(first)).toEqual({ text: TEXT, error: undefined, isDone: true });
  expect(await told(again)).toEqual({ text: TEXT, error: undefined, isDone: true });
  const whole = await ask('Once only', { key: 'key-1' });
  expect(whole.headers.get('x-cadenza-run-id')).toBe(first.headers.get('x-cadenza-run-id'));
  expect(await textOf(whole)).toBe(TEXT);
  expect(peer.askedWith('Once only')).toHaveLength(1);

  const other = await ask('Something else', { key: 'key-1' });
  expect(other.status).toBe(409);
  expect(other.headers.get('x-should-retry')).toBe('false');
  expect(await other.json()).toMatchObject({ error: { code: 'Conflict', param: 'Idempotency-Key' } });
});

async function untilCancelled(run: string): Promise<void> {
  const statusOf = async () => (await bed.client.show(run)).status;
  await until(async () => ((await statusOf()) === 'cancelled' ? run : undefined));
}

/** Reads a stream up to its first words, and leaves. */
async function leave(content: string, key?: string): Promise<string> {
  const client = new AbortController();
  const response = await ask(content, { key, stream: true, signal: client.signal });
  const reader = response.body!.getReader();
  await reader.read();
  client.abort();
  return response.headers.get('x-cadenza-run-id')!;
}

test('a client that leaves ends its call; one with an Idempotency-Key finds it done', async () => {
  const run = await leave('Stop, it hangs');
  await untilCancelled(run);

  const kept = await leave('Goes on slowly', 'key-2');
  await bed.client.result(kept);
  expect(await told(await ask('Goes on slowly', { key: 'key-2', stream: true }))).toMatchObject({
    text: TEXT,
    isDone: true,
  });
  expect(peer.askedWith('Goes on slowly')).toHaveLength(1);
});

test('a client that leaves before the answer is whole ends its call too', async () => {
  const client = new AbortController();
  const asked = ask('Wait, it hangs', { signal: client.signal });
  const find = async () =>
    (await bed.client.list({ status: 'running' })).runs.find(({ id }) => id.startsWith('chatcmpl-'));
  const run = (await until(find))!;
  await until(() => peer.askedWith('Wait, it hangs')[0]);
  client.abort();
  await expect(asked).rejects.toThrow();
  await untilCancelled(run.id);
});

test('an answer that breaks off and comes again with the same words goes on where it was', async () => {
  const answer = await told(await ask('It breaks once', { stream: true }));
  expect(answer).toEqual({ text: TEXT, error: undefined, isDone: true });
  expect(peer.askedWith('It breaks once')).toHaveLength(2);
});

test('one that comes again with other words ends the stream with an error; the repeated call gets the whole', async () => {
  const content = 'It breaks, then says another';
  const answer = await told(await ask(content, { stream: true, key: 'key-3' }));
  expect(answer).toMatchObject({ text: 'Rivers bend ', error: { code: 'provider_unavailable' }, isDone: false });
  expect(await told(await ask(content, { stream: true, key: 'key-3' }))).toMatchObject({
    text: 'Lakes do not.',
    isDone: true,
  });
  expect(peer.askedWith(content)).toHaveLength(2);
});

test('JSON is given without what a model wraps it in', async () => {
  const schema = { type: 'object', properties: { town: { type: 'string' } }, required: ['town'] };
  const more = { response_format: { type: 'json_schema', json_schema: { name: 'town', schema } } };
  expect(JSON.parse(await textOf(await ask('A fenced town', { more })))).toEqual({ town: 'Bergen' });
  expect(
    JSON.parse(await textOf(await ask('Any fenced town', { more: { response_format: { type: 'json_object' } } }))),
  ).toEqual({ town: 'Bergen' });
});

test('what a guardrail takes out of an answer no stream tells either', async () => {
  const answer = await told(await ask('Whom to mail?', { model: 'checked', stream: true }));
  expect(answer.isDone).toBe(true);
  expect(answer.text).toMatch(/^Write to .* today\.$/);
  expect(answer.text).not.toContain('ann@');
});

test('an answer that a filter ended is an answer, with that finish reason', async () => {
  const response = await ask('Be filtered');
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    choices: [{ finish_reason: 'content_filter', message: { content: 'I ' } }],
  });
});

test.each([
  ['fast', 'm'],
  ['fast,strong', 'm'],
  ['auto', 'm'],
  ['local/n', 'n'],
])('the model "%s" is asked as %s', async (model, asked) => {
  const content = `Who answers ${model}?`;
  expect(await textOf(await ask(content, { model }))).toBe(TEXT);
  expect(peer.askedWith(content).map((body) => body.model)).toEqual([asked]);
});

test('"fast,strong" goes on to the next where the first does not know a setting', async () => {
  const more = { seed: 7, temperature: 0.5, stop: ['END'], reasoning_effort: 'low', max_tokens: 99, top_p: 0.9 };
  expect(await textOf(await ask('With settings', { model: 'sandbox/claude,strong', more }))).toBe(TEXT);
  expect(peer.askedWith('With settings')).toMatchObject([
    { seed: 7, temperature: 0.5, stop: ['END'], reasoning_effort: 'low', max_tokens: 99, top_p: 0.9 },
  ]);
});

test('a pattern answers where a model would, streamed at its end, and refuses what it cannot keep', async () => {
  const asked = await ask('The council sits', { model: 'council:fast,strong', stream: true });
  expect(await told(asked)).toMatchObject({ text: TEXT, isDone: true });
  const run = await bed.client.show(asked.headers.get('x-cadenza-run-id')!);
  expect(run).toMatchObject({ pattern: 'council', status: 'completed' });
  const again = await ask('The council sits', { model: 'council:strong,fast' });
  const { usage, id } = (await again.json()) as { usage: { prompt_tokens: number }; id: string };
  expect(usage.prompt_tokens).toBe((await bed.client.bill(id)).inputTokens);

  const refused = await ask('The council sits', { model: 'council:fast,strong', more: { temperature: 0.3 } });
  expect([refused.status, await refused.json()]).toMatchObject([400, { error: { param: 'temperature' } }]);

  const agent = await ask('Which book?', { model: 'agent:librarian' });
  expect(await textOf(agent)).toBe(TEXT);
  expect(peer.askedWith('You are a librarian.')).toHaveLength(1);
});

test('an image and a file go to the provider', async () => {
  const content = [
    { type: 'text', text: 'What is on these?' },
    { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
  ];
  await ask('', { more: { messages: [{ role: 'user', content }] } });
  expect(peer.askedWith('What is on these?')[0]!.messages[0].content).toEqual(content);
});

interface Told {
  type: string;
  sequence_number: number;
  delta?: string;
  response?: { id: string };
}

/** The events of a response, as they come. */
async function* eventsOf(response: Response): AsyncGenerator<Told> {
  let text = '';
  for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
    const frames = `${text}${piece}`.split('\n\n');
    text = frames.pop()!;
    for (const frame of frames) {
      const data = /^data: (.*)$/m.exec(frame)?.[1];
      if (data !== undefined) yield JSON.parse(data);
    }
  }
}

function respond(input: string, { model = 'strong', stream = false } = {}): Promise<Response> {
  return fetch(`${bed.url}/v1/responses`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, input, stream, background: true }),
  });
}

async function begin(input: string, model?: string): Promise<string> {
  return ((await (await respond(input, { model })).json()) as { id: string }).id;
}

async function readAgain(id: string, after?: number): Promise<AsyncGenerator<Told>> {
  const from = after === undefined ? '' : `&starting_after=${after}`;
  return eventsOf(await fetch(`${bed.url}/v1/responses/${id}?stream=true${from}`));
}

function wordsIn(events: Told[]): string {
  return events.map(({ type, delta }) => (type === 'response.output_text.delta' ? delta : '')).join('');
}

test.each([
  ['Twice over', TEXT],
  ['It breaks once, in the background', TEXT],
  ['It breaks, then says another, in the background', 'Lakes do not.'],
])('whoever goes on from an event of a response that has ended gets what follows it: %s', async (input, text) => {
  const id = await begin(input);
  await bed.client.result(id);
  const whole = await Array.fromAsync(await readAgain(id));
  expect(wordsIn(whole)).toBe(text);
  expect(whole.at(-1)!.type).toBe('response.completed');
  for (const [index, { sequence_number: after }] of whole.entries()) {
    expect(await Array.fromAsync(await readAgain(id, after))).toEqual(whole.slice(index + 1));
  }
});

test('whoever goes on from an event of a response under way gets what follows it', async () => {
  const id = await begin('In the background it slowly hangs');
  let said = '';
  for await (const page of (await bed.client.follow(id)).pages) {
    said += page.map((event) => (event.type === 'call.delta' ? event.text : '')).join('');
    if (said === 'Rivers bend ') break;
  }
  // As a reader who comes late: two words at once.
  const heard: Told[] = [];
  for await (const event of await readAgain(id)) {
    heard.push(event);
    if (wordsIn(heard) === said) break;
  }
  const rest = await readAgain(id, heard.at(-1)!.sequence_number);
  await bed.client.cancel(id);
  expect((await Array.fromAsync(rest)).map(({ type }) => type)).toEqual(['response.cancelled']);
});

test('whoever heard words that are taken back is told so, also who goes on from them', async () => {
  const heard: Told[] = [];
  for await (const event of eventsOf(await respond('It takes its words back', { stream: true }))) {
    heard.push(event);
    if (wordsIn(heard) === 'Rivers bend ') wordsHeard.resolve();
  }
  const failed = heard.at(-1)!;
  expect(failed.type).toBe('response.failed');
  expect(wordsIn(heard)).toBe('Rivers bend ');
  const { id } = heard[0]!.response!;
  await bed.client.result(id);
  const rest = await Array.fromAsync(await readAgain(id, heard.at(-2)!.sequence_number));
  expect(rest.map(({ type, sequence_number }) => [type, sequence_number])).toEqual([
    ['response.failed', failed.sequence_number],
  ]);
});

test('what a guardrail takes out of a response no stream of it tells, also when it is read again', async () => {
  const id = await begin('Whom to mail, in the background?', 'checked');
  await bed.client.result(id);
  const events = await Array.fromAsync(await readAgain(id));
  expect(wordsIn(events)).toMatch(/^Write to .* today\.$/);
  expect(JSON.stringify(events)).not.toContain('ann@');
});
