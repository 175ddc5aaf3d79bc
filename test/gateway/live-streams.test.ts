import { type ClientRequest, get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createParser } from 'eventsource-parser';
import type { RunEvent } from '../../src/contract/index.ts';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';

const QUICK = 40;
const SLOW = 3;
const WORDS = 20;
/** A slow reader's answer is far more than sockets hold. */
const LONG = 'and so on '.repeat(20_000);

let peer: ChatPeer;
let bed: TestBed;
let served: ServedGateway;
beforeAll(async () => {
  peer = await chatPeer((prompt) => ({ words: wordsOf(prompt), paceMs: 25 }));
  bed = await testBed({ config: { providers: { house: peer.provider } } });
  const { log } = testLog();
  const links = { namespace: 'default' };
  const app = createGateway({ client: bed.client, links, apiKeys: [], version: '1.2.3', log });
  served = await serveGateway({ app, port: 0, host: '127.0.0.1' });
});
afterAll(async () => {
  await served.close();
  await bed.close();
  await peer.stop();
});

function wordsOf(prompt: string): string[] {
  const isLong = prompt.startsWith('slow');
  return Array.from({ length: WORDS }, (_, n) => `${prompt} ${n} ${isLong ? LONG : ''}`);
}

interface Reader {
  prompt: string;
  stream: IncomingMessage;
  events: RunEvent[];
  ended: Promise<void>;
}

async function read(prompt: string, isPaused: boolean): Promise<Reader> {
  const input = { prompt, policy: { candidates: ['house/m'], cache: false } };
  const { id } = await bed.client.startUnchecked('ask', input, { lane: 'direct' });
  const stream = await new Promise<IncomingMessage>((resolve, reject) => {
    get(`${served.url}/v1/runs/${id}/events`, resolve).on('error', reject);
  });
  const events: RunEvent[] = [];
  const parser = createParser({ onEvent: ({ data }) => events.push(JSON.parse(data)) });
  stream.setEncoding('utf8').on('data', (piece: string) => parser.feed(piece));
  if (isPaused) stream.pause();
  return { prompt, stream, events, ended: new Promise((resolve) => stream.on('end', resolve)) };
}

function expectWhole({ prompt, events }: Reader): void {
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.at(-1)!.type).toBe('run.completed');
  const text = events.flatMap((event) => (event.type === 'call.delta' ? [event.text] : [])).join('');
  expect(text === wordsOf(prompt).join('')).toBe(true);
}

test('readers that do not read hold up neither their runs nor other readers, and lose nothing', async () => {
  const prompts = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`);
  const slow = await Promise.all(prompts('slow', SLOW).map((prompt) => read(prompt, true)));
  const quick = await Promise.all(prompts('quick', QUICK).map((prompt) => read(prompt, false)));
  await Promise.all(quick.map(({ ended }) => ended));
  for (const reader of quick) expectWhole(reader);

  // Their runs have ended, and most of their words are where they were written: in the store.
  const ends = slow.map(({ stream }) =>
    bed.client.result(/runs\/([^/]+)\/events/.exec((stream as unknown as { req: ClientRequest }).req.path)![1]!),
  );
  await Promise.all(ends);
  for (const { events } of slow) expect(events.some(({ type }) => type === 'run.completed')).toBe(false);
  for (const { stream } of slow) stream.resume();
  await Promise.all(slow.map(({ ended }) => ended));
  for (const reader of slow) expectWhole(reader);
});
