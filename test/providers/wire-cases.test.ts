import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { type Answering, type Asked, askWire, type WireName } from './case-bed.ts';

interface Response {
  name?: string;
  wire?: WireName;
  status: number;
  headers: Record<string, string>;
  body?: string;
  chunks?: string[];
  expect?: Expected;
}

interface Expected {
  text?: string;
  object?: unknown;
  reasoning?: string;
  toolCalls?: { id: string; name: string; arguments?: unknown; argumentsJson?: string }[];
  finishReason?: string;
  usage?: Record<string, number>;
  usageInLedger?: Record<string, number>;
  costUsd?: number;
  requests?: number;
  error?: { type: string; retryAfterMs?: number; midStream?: boolean; messageContains?: string } | null;
  type?: string;
  retryAfterMs?: number;
  messageContains?: string;
}

interface Case {
  id: string;
  what: string;
  wire: WireName | 'input';
  input: Partial<Response> & Answering & { responses?: Response[]; prompt?: string };
  expect: Expected;
}

const CASES = JSON.parse(readFileSync(new URL('cases/wire-cases.json', import.meta.url), 'utf8')) as Case[];

let stop: (() => Promise<void>) | undefined;
afterEach(async () => {
  await stop?.();
  stop = undefined;
});

async function served(wire: WireName, answering: Answering): Promise<Asked> {
  const asked = await askWire(wire, answering);
  stop = asked.stop;
  return asked;
}

describe.each(CASES.filter(({ wire, input }) => wire !== 'input' && !input.responses))('$id', (one) => {
  test(one.what, async () => {
    const { wire, input, expect: wanted } = one;
    check(await served(wire as WireName, input), wanted);
  });
});

describe.each(CASES.filter(({ input }) => input.responses))('$id', ({ wire, input, expect: all }) => {
  test.each(input.responses!)('$name', async (response) => {
    const wanted = response.expect ?? (all.error as Expected);
    check(await served((response.wire ?? wire) as WireName, { ...input, ...response }), { error: wanted as never });
  });
});

function check({ reply, error, partial, requests, body }: Asked, wanted: Expected): void {
  if (wanted.error) {
    const { type, messageContains, ...rest } = wanted.error;
    expect(error).toMatchObject(rest);
    expect(type.split(' or ')).toContain(error!.type);
    if (messageContains) expect(error!.message).toContain(messageContains);
  } else {
    expect(error).toBeUndefined();
  }
  if (wanted.usageInLedger) expect(partial?.usage).toMatchObject(wanted.usageInLedger);
  if (wanted.text !== undefined) expect(reply?.text).toBe(wanted.text);
  if (wanted.reasoning !== undefined) expect(reply?.reasoning).toBe(wanted.reasoning);
  if (wanted.object !== undefined) expect(reply?.object).toEqual(wanted.object);
  if (wanted.finishReason) expect(reply?.finishReason).toBe(wanted.finishReason);
  if (wanted.usage) expect(reply?.usage).toMatchObject(wanted.usage);
  if (wanted.costUsd !== undefined) expect(reply?.costUsd).toBeCloseTo(wanted.costUsd, 10);
  if (wanted.toolCalls) {
    const expected = wanted.toolCalls.map(({ id, name, arguments: args, argumentsJson }) => ({
      id,
      name,
      arguments: args ?? JSON.parse(argumentsJson!),
    }));
    expect(reply?.toolCalls?.map(({ id, name, arguments: args }) => ({ id, name, arguments: args }))).toEqual(expected);
  }
  expect(requests).toBe(wanted.requests ?? 1);
  expect(body).toBeDefined();
}
