import { afterEach, expect, test } from '@jest/globals';
import { cosine } from '../../src/contract/index.ts';
import { anthropic } from '../../src/providers/anthropic.ts';
import { gemini } from '../../src/providers/gemini.ts';
import { embed, providerRegistry } from '../../src/providers/index.ts';
import { openAi } from '../../src/providers/openai.ts';
import { openAiCompatible } from '../../src/providers/openai-compatible.ts';
import { type Peer, scriptedPeer } from './peer.ts';
import { KEY } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

const signal = () => AbortSignal.timeout(10_000);
const vectorOf = (text: string) => [text.length, 1];

/** Embeddings as OpenAI's endpoint gives them, in another order than asked for. */
function openAiEndpoint() {
  return scriptedPeer((_, response, { body }) => {
    const data = (body.input as string[]).map((text, index) => ({
      object: 'embedding',
      index,
      embedding: vectorOf(text),
    }));
    const usage = { prompt_tokens: 7 * data.length, total_tokens: 7 * data.length };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ object: 'list', model: body.model, data: data.reverse(), usage }));
  });
}

test.each([
  ['openai', openAi],
  ['openai-compatible', openAiCompatible],
])('%s gives vectors in the order of the texts, with their tokens', async (name, open) => {
  peer = await openAiEndpoint();
  const provider = open({ name, apiKey: KEY, baseUrl: peer.url });
  const embedded = await embed(provider, `${name}/text-embedding-3-small`, ['a', 'bbb', 'cc'], signal());
  expect(embedded).toEqual({
    vectors: [
      [1, 1],
      [3, 1],
      [2, 1],
    ],
    usage: { inputTokens: 21, outputTokens: 0 },
  });
  expect(peer.sent).toMatchObject([
    { path: '/v1/embeddings', body: { model: 'text-embedding-3-small', encoding_format: 'float' } },
  ]);
});

test('many texts are asked for in requests the endpoint takes', async () => {
  peer = await openAiEndpoint();
  const provider = openAi({ name: 'openai', apiKey: KEY, baseUrl: peer.url });
  const texts = Array.from({ length: 1_001 }, (_, index) => 'x'.repeat(index % 5));
  const { vectors, usage } = await embed(provider, 'openai/text-embedding-3-small', texts, signal());
  expect(vectors).toEqual(texts.map(vectorOf));
  expect(usage.inputTokens).toBe(7 * 1_001);
  expect(peer.sent.map(({ body }) => body.input.length)).toEqual([1_000, 1]);
});

test('gemini gives vectors by its batch endpoint, its tokens estimated', async () => {
  peer = await scriptedPeer((_, response, { body }) => {
    const texts = (body.requests as { content: { parts: { text: string }[] } }[]).map(
      ({ content }) => content.parts[0]!.text,
    );
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ embeddings: texts.map((text) => ({ values: vectorOf(text) })) }));
  });
  const provider = gemini({ name: 'gemini', apiKey: KEY, baseUrl: peer.url });
  const { vectors, usage } = await embed(provider, 'gemini/gemini-embedding-001', ['one', 'three'], signal());
  expect(vectors).toEqual([
    [3, 1],
    [5, 1],
  ]);
  expect(usage.inputTokens).toBe(2);
  expect(peer.sent[0]!.path).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents');
});

test('an endpoint that fails says so in the words of the contract', async () => {
  peer = await scriptedPeer((_, response) => {
    response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '3' });
    response.end(JSON.stringify({ error: { message: 'slow down' } }));
  });
  const provider = openAi({ name: 'openai', apiKey: KEY, baseUrl: peer.url });
  const thrown = await embed(provider, 'openai/text-embedding-3-small', ['a'], signal()).catch(
    (error: unknown) => error,
  );
  expect(provider.asCallError(thrown)).toMatchObject({ type: 'RateLimited', retryAfterMs: 3_000 });
  expect(peer.sent).toHaveLength(1);
});

test('a provider without embeddings is named', async () => {
  const provider = anthropic({ name: 'anthropic', apiKey: KEY });
  await expect(embed(provider, 'anthropic/x', ['a'], signal())).rejects.toThrow('anthropic makes no embeddings');
});

test('the sandbox needs no key, and finds texts alike that share words or their beginnings', async () => {
  const registry = providerRegistry({ env: {} });
  const texts = [
    'Translate this letter',
    'A translation of the letters, please',
    'Solve the equation',
    'the of and',
    '',
  ];
  const ask = () => embed(registry.open('sandbox/words'), 'sandbox/words', texts, signal());
  const { vectors, usage } = await ask();
  const [letter, letters, equation, silent, empty] = vectors;
  expect(cosine(letter!, letters!)).toBeGreaterThan(0.25);
  expect(Math.abs(cosine(letter!, equation!))).toBeLessThan(0.1);
  expect([cosine(letter!, silent!), cosine(letter!, empty!)]).toEqual([0, 0]);
  expect(usage).toEqual({ inputTokens: 0, outputTokens: 0 });
  expect((await ask()).vectors).toEqual(vectors);
  await expect(embed(registry.open('sandbox/words'), 'sandbox/ada', texts, signal())).rejects.toThrow('Known: words');
  await registry.close();
});
