import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import OpenAI from 'openai';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { TEST_KEYS } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

/** 1,000 and 5 by hand: CADENZA_TEST_CALLS=1000 CADENZA_TEST_KILLS=5 */
const CALLS = Number(process.env.CADENZA_TEST_CALLS || 100);
const KILLS = Number(process.env.CADENZA_TEST_KILLS || 2);
const CLIENTS = 25;
/** Asked with a seed, OpenAI's own provider is asked by Chat Completions. */
const MODEL = 'openai/gpt-4.1';

let bed: CrashBed;
let served: ServedGateway;
let peer: ChatPeer;
/** answers that were sent to their last word */
let finished = 0;

beforeAll(async () => {
  peer = await chatPeer((prompt) => ({
    words: answerTo(prompt).split(/(?<= )/),
    paceMs: 30,
    onEnd: () => {
      finished += 1;
    },
  }));
  const provider = { env: { ...TEST_KEYS, OPENAI_BASE_URL: peer.url }, stop: peer.stop };
  bed = await crashBed({ provider });
  const { log } = testLog();
  const links = { namespace: 'default' };
  const app = createGateway({ client: bed.cadenza, links, apiKeys: [], version: '1.2.3', log });
  served = await serveGateway({ app, port: 0, host: '127.0.0.1', log, drainMs: 500 });
});
afterAll(async () => {
  await served?.close();
  await bed?.close();
});

function answerTo(prompt: string): string {
  return `The answer to ${prompt} is long enough to be cut by whoever kills the worker in the midst of it.`;
}

/** One answer, however often the client has to ask for it under its key. Some hang up in the midst of it, and ask again. */
async function answered(nth: number): Promise<{ text: string; asked: number; id: string }> {
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'any', maxRetries: 0, timeout: 120_000 });
  const body = { model: MODEL, seed: 1, messages: [{ role: 'user' as const, content: `question-${nth}.` }] };
  const options = { headers: { 'idempotency-key': `call-${nth}` } };
  for (let asked = 1; ; asked += 1) {
    try {
      if (nth % 2 === 0) {
        const { choices, id } = await client.chat.completions.create(body, options);
        return { text: choices[0]!.message.content!, asked, id };
      }
      const stream = await client.chat.completions.create({ ...body, stream: true }, options);
      let text = '';
      let id = '';
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        id = chunk.id;
        if (nth % 5 === 0 && asked === 1 && text !== '') throw new OpenAI.APIConnectionError({ message: 'hung up' });
      }
      return { text, asked, id };
    } catch (thrown) {
      if (!(thrown instanceof OpenAI.APIError)) throw thrown;
      await pause(200);
    }
  }
}

test(`${CALLS} clients get one whole answer each, their worker killed ${KILLS} times`, async () => {
  await bed.start();
  const answers: Awaited<ReturnType<typeof answered>>[] = [];
  let next = 0;
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (next < CALLS) answers.push(await answered(next++));
  });
  for (let kill = 1; kill <= KILLS; kill += 1) {
    await until(() => (answers.length >= (kill * CALLS) / (KILLS + 1) ? true : undefined));
    await bed.kill();
    await bed.start();
  }
  await Promise.all(clients);

  expect(answers.map(({ text }) => text).sort()).toEqual(
    Array.from({ length: CALLS }, (_, nth) => answerTo(`question-${nth}.`)).sort(),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(CALLS);
  let lines = 0;
  let estimated = 0;
  for (const { id } of answers) {
    const { calls } = await bed.cadenza.bill(id);
    expect(calls.filter((line) => !line.estimated)).toHaveLength(1);
    lines += calls.length;
    estimated += calls.length - 1;
  }
  // What was in flight when a worker was killed is asked again, and booked as far as it had come: a finished answer that
  // did not get as far as the journal is one of these.
  expect(lines - estimated).toBe(CALLS);
  expect(finished).toBeGreaterThanOrEqual(CALLS);
  expect(finished - CALLS).toBeLessThanOrEqual(estimated);
  expect(peer.sent.length).toBeLessThanOrEqual(CALLS + KILLS * CLIENTS);
  const again = answers.filter(({ asked }) => asked > 1).length;
  console.log(
    `${CALLS} calls, ${KILLS} kills: ${peer.sent.length} requests at the provider, ${finished} of them finished, ${lines} lines in the ledger (${estimated} cut), ${again} clients asked again`,
  );
}, 900_000);
