import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import type { Usage } from '../../../src/contract/index.ts';
import { type Answering, answeringPeer, MODELS, providersAt, type WireName } from '../../providers/case-bed.ts';
import type { Peer } from '../../providers/peer.ts';
import { type DialectsBed, dialectsBed } from './dialects-bed.ts';

interface Case {
  id: string;
  wire: WireName;
  input: Answering;
  expect: {
    toolCalls?: { id: string; name: string; arguments?: object; argumentsJson?: string }[];
    usage?: Usage;
    error?: { type: string } | null;
    usageInLedger?: Usage;
    requests?: number;
  };
}

const file = new URL('../../providers/cases/wire-cases.json', import.meta.url);
const cases = (JSON.parse(readFileSync(file, 'utf8')) as Case[]).filter(
  ({ input, expect: { toolCalls } }) => toolCalls ?? input.request?.tools,
);

let peer: Peer;
let bed: DialectsBed;
let answers: Answering[] = [];
beforeAll(async () => {
  peer = await answeringPeer(() => answers);
  const policies = cases.map(({ id, wire, input: { clocks } }) => [
    id,
    { candidates: [MODELS[wire]], timeouts: clocks, maxAttempts: 1, patience: 0, cache: false as const },
  ]);
  bed = await dialectsBed({ config: { providers: providersAt(peer.url), policies: Object.fromEntries(policies) } });
});
afterAll(async () => {
  await bed?.close();
  await peer?.stop();
});

/** What an OpenAI client makes of it. */
async function completion({ id, input }: Case, isStream: boolean) {
  const client = new OpenAI({ baseURL: `${bed.url}/v1`, apiKey: 'any', maxRetries: 0 });
  const { prompt = 'Hello', tools = [{ name: 'get_weather', parameters: { type: 'object' } }] } = input.request ?? {};
  const body = {
    model: id,
    messages: [{ role: 'user' as const, content: `${prompt} (${isStream})` }],
    tools: tools.map((one) => ({ type: 'function' as const, function: one })),
  };
  return isStream
    ? client.chat.completions.stream({ ...body, stream_options: { include_usage: true } }).finalChatCompletion()
    : client.chat.completions.create(body);
}

test('there are cases with tools', () => expect(cases.length).toBeGreaterThan(3));

describe.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
  test.each([false, true])('through the gateway (streamed: %s)', async (isStream) => {
    const { toolCalls, usage, error } = one.expect;
    answers = [one.input];
    const asked = completion(one, isStream);
    if (error) {
      await expect(asked).rejects.toMatchObject({ status: 502, code: 'invalid_output' });
      return;
    }
    const { choices, usage: told, id } = await asked;
    expect(choices[0]!.finish_reason).toBe('tool_calls');
    const calls = choices[0]!.message.tool_calls!.map((call) => call.type === 'function' && call);
    expect(calls.map((call) => call && [call.id, call.function.name, JSON.parse(call.function.arguments)])).toEqual(
      toolCalls!.map(({ id: call, name, arguments: args, argumentsJson }) => [
        call,
        name,
        args ?? JSON.parse(argumentsJson!),
      ]),
    );
    expect(told).toMatchObject({ prompt_tokens: usage!.inputTokens, completion_tokens: usage!.outputTokens });
    expect((await bed.client.bill(id)).calls).toHaveLength(1);
  });
});
