import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { z } from 'zod';
import { defineTool } from '../../src/tools/index.ts';
import { type Peer, type Sent, scriptedPeer, sse } from '../providers/peer.ts';
import { claude, claudeEnd, claudeText, completed, delta, gem } from '../providers/wire-events.ts';
import { TEST_KEYS } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

const THOUGHT = 'I should look it up.';
const CLAUDE_USAGE = { input_tokens: 10, output_tokens: 1, cache_read_input_tokens: 90 };

/** A first answer that thinks and calls a tool, then words; on each wire with the provider's own signature. */
function answerTo({ path, body }: Sent): string {
  const isFirst = !JSON.stringify(body).includes('42 is the fact');
  if (path.includes('/messages'))
    return isFirst
      ? claudeCalls()
      : claude(
          { type: 'message_start', message: { id: 'm', role: 'assistant', content: [], usage: CLAUDE_USAGE } },
          ...claudeText('done'),
          claudeEnd('end_turn'),
          { type: 'message_stop' },
        ).join('');
  if (path.includes('generateContent') || path.includes('streamGenerateContent')) {
    return isFirst
      ? gem(
          [
            { text: THOUGHT, thought: true },
            { functionCall: { name: 'look', args: {} }, thoughtSignature: 'gem-signed' },
          ],
          { finishReason: 'STOP' },
        )
      : gem(
          [{ text: 'done' }],
          { finishReason: 'STOP' },
          { promptTokenCount: 100, cachedContentTokenCount: 90, candidatesTokenCount: 1 },
        );
  }
  const items = [
    {
      type: 'response.output_item.done',
      output_index: 0,
      item: { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'openai-signed' },
    },
    {
      type: 'response.output_item.done',
      output_index: 1,
      item: { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'look', arguments: '{}' },
    },
  ];
  return isFirst
    ? sse(...items, completed())
    : sse(
        delta('done'),
        completed({ usage: { input_tokens: 100, output_tokens: 1, input_tokens_details: { cached_tokens: 90 } } }),
      );
}

function claudeCalls(): string {
  const block = (index: number, content_block: object, ...deltas: object[]) => [
    { type: 'content_block_start', index, content_block },
    ...deltas.map((one) => ({ type: 'content_block_delta', index, delta: one })),
    { type: 'content_block_stop', index },
  ];
  const events = [
    {
      type: 'message_start',
      message: { id: 'm', role: 'assistant', content: [], usage: { input_tokens: 10, output_tokens: 1 } },
    },
    ...block(
      0,
      { type: 'thinking', thinking: '', signature: '' },
      { type: 'thinking_delta', thinking: THOUGHT },
      { type: 'signature_delta', signature: 'claude-signed' },
    ),
    ...block(
      1,
      { type: 'tool_use', id: 'toolu_1', name: 'look', input: {} },
      { type: 'input_json_delta', partial_json: '{}' },
    ),
    claudeEnd('tool_use'),
    { type: 'message_stop' },
  ];
  return claude(...events).join('');
}

const closedAt = Promise.withResolvers<number>();
let peer: Peer;
let bed: TestBed;
beforeAll(async () => {
  peer = await scriptedPeer((_, response, sent) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    if (JSON.stringify(sent.body).includes('Talk without end')) {
      response.on('close', () => closedAt.resolve(Date.now()));
      const talk = setInterval(() => response.write(sse(delta('word '))), 50);
      response.on('close', () => clearInterval(talk));
      return;
    }
    response.end(answerTo(sent));
  });
  const env = {
    ...TEST_KEYS,
    OPENAI_BASE_URL: `${peer.url}/v1`,
    ANTHROPIC_BASE_URL: peer.url,
    GEMINI_BASE_URL: peer.url,
  };
  const look = defineTool({
    name: 'look',
    description: 'Looks.',
    input: z.object({}),
    replay: 'safe',
    run: () => '42 is the fact',
  });
  bed = await testBed({ env, config: { tools: [look] } });
});
afterAll(async () => {
  await bed.close();
  await peer.stop();
});

test.each([
  ['openai/gpt-6-sol', 'openai-signed'],
  ['anthropic/claude-sonnet-5-5', 'claude-signed'],
  ['gemini/gemini-3.8-flash', 'gem-signed'],
])(
  '%s gets its thinking back with the tool’s result, keeps the beginning of requests, and the bill shows it',
  async (model, signature) => {
    const before = peer.sent.length;
    const run = await bed.client.start('agent', {
      task: 'Look',
      tools: ['look'],
      policy: { candidates: [model], effort: 'low' },
    });
    expect((await run.result()).text).toBe('done');
    const [first, second] = peer.sent.slice(before);
    expect(JSON.stringify(first!.body)).not.toContain(signature);
    expect(JSON.stringify(second!.body)).toContain(signature);
    if (model.startsWith('anthropic')) expect(second!.body).toMatchObject({ cache_control: { type: 'ephemeral' } });
    const { calls } = await bed.client.bill(run.id);
    expect(calls.at(-1)!.usage).toMatchObject({ inputTokens: 100, cachedInputTokens: 90 });
    // Signatures are the store's to keep: no history holds one.
    const history = JSON.stringify(await bed.temporal.workflow.getHandle(run.id).fetchHistory());
    const payloads = [...history.matchAll(/"data":"([^"]+)"/g)].map(([, data]) =>
      Buffer.from(data!, 'base64').toString(),
    );
    expect(payloads.filter((payload) => payload.includes(signature))).toEqual([]);
  },
);

test('told to stop in mid-stream, it closes the provider’s connection within a second, asks nothing more, and books what was said', async () => {
  const before = peer.sent.length;
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const run = await bed.client.start('agent', { task: 'Talk without end', tools: ['look'], policy });
  for await (const event of run.events()) if (event.type === 'call.delta') break;
  const toldAt = Date.now();
  await bed.client.stop(run.id);
  expect(await run.result()).toMatchObject({ stopReason: 'stopped', steps: 0, model: 'openai/gpt-6-sol' });
  const ms = (await closedAt.promise) - toldAt;
  console.log(`stopped: the provider saw its connection close after ${ms} ms`);
  expect(peer.sent.length - before).toBe(1);
  const { calls } = await bed.client.bill(run.id);
  expect(calls).toMatchObject([{ estimated: true }]);
  expect(calls[0]!.usage.outputTokens).toBeGreaterThan(0);
  const ends = (await bed.eventsOf(run.id)).filter(({ type }) => type === 'step.failed');
  expect(ends).toMatchObject([{ step: 'agent', error: { type: 'Cancelled' } }]);
  expect((await bed.client.timeline(run.id)).steps).toMatchObject([{ step: 'agent', endedAt: expect.any(String) }]);
});
