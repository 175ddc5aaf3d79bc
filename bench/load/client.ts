import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { RunEvent } from '../../src/contract/index.ts';
import { AT_LENGTH, wordOf } from './words.ts';

/** One burst, asked for by a message to this process. */
export interface Burst {
  url: string;
  runs: number;
  /** ms over which the starts are spread */
  withinMs: number;
  /** of `POST /v1/runs` */
  body: { input: { prompt: string } };
  /** words of each answer */
  tokens: number;
  /** so many of the readers take next to nothing until all others have read theirs */
  slow: number;
}

/** What the readers of a burst saw; times in ms. */
export interface Seen {
  /** from a run's start to its first token, one a run */
  firstToken: number[];
  /** between events with text of one run */
  gaps: number[];
  /** from a run's start to its last event, one a run */
  whole: number[];
  /** from the first start to the last end */
  all: number;
  /** tokens for each event with text */
  tokensAnEvent: number;
  lost: number;
  doubled: number;
  /** runs that did not complete, or whose text is another */
  wrong: number;
  /** bytes that the slow readers had taken when the others were done, of what they took in all */
  slowShare: number;
  cpuMs: number;
}

process.on('message', (burst: Burst) => {
  measured(burst).then((seen) => process.send?.(seen));
});
process.on('disconnect', () => process.exit(0));

const SLOW_BYTES_A_SECOND = 200;

async function measured({ url, runs, withinMs, body, tokens, slow }: Burst): Promise<Seen> {
  // Of this burst: the server hangs up on sockets that lie idle between two.
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  const cpu = process.cpuUsage();
  const began = performance.now();
  const textOfWords = (isLong: boolean) => Array.from({ length: tokens }, (_, n) => wordOf(n, isLong)).join('');
  const expected = new Map([false, true].map((isLong) => [isLong, textOfWords(isLong)]));
  const longBody = { ...body, input: { ...body.input, prompt: `${body.input.prompt} Tell it ${AT_LENGTH}.` } };
  const others = Promise.withResolvers<void>();
  const reading = Array.from({ length: runs }, async (_, n) => {
    await delay((n * withinMs) / runs);
    return n < slow ? follow(agent, url, longBody, others.promise) : follow(agent, url, body);
  });
  const read = await Promise.all(reading.slice(slow));
  const all = performance.now() - began;
  others.resolve();
  const late = await Promise.all(reading.slice(0, slow));
  const everybody = [...read, ...late];
  agent.destroy();
  const { user, system } = process.cpuUsage(cpu);
  const texts = read.reduce((sum, { texts }) => sum + texts.length, 0);
  return {
    firstToken: read.flatMap(({ start, texts }) => texts.slice(0, 1).map((at) => at - start)),
    gaps: read.flatMap(({ texts }) => texts.slice(1).map((at, n) => at - texts[n]!)),
    whole: read.map(({ start, end }) => end - start),
    all,
    tokensAnEvent: (read.length * tokens) / texts,
    lost: everybody.reduce((sum, { lost }) => sum + lost, 0),
    doubled: everybody.reduce((sum, { doubled }) => sum + doubled, 0),
    wrong: everybody.filter(({ text, last, isLong }) => text !== expected.get(isLong) || last !== 'run.completed')
      .length,
    slowShare:
      late.reduce((sum, { slowly }) => sum + slowly, 0) /
      Math.max(
        1,
        late.reduce((sum, { bytes }) => sum + bytes, 0),
      ),
    cpuMs: (user + system) / 1000,
  };
}

/** Starts a run and reads it to its end; a stream that breaks is gone on with, as a browser does.
 *  @param hurry until then it is read slowly */
async function follow(agent: Agent, url: string, body: object, hurry?: Promise<void>) {
  const start = performance.now();
  const isLong = hurry !== undefined;
  const read = {
    isLong,
    start,
    end: start,
    texts: [] as number[],
    text: '',
    last: '',
    lost: 0,
    doubled: 0,
    bytes: 0,
    slowly: 0,
  };
  let isSlow = isLong;
  void hurry?.then(() => {
    isSlow = false;
    read.slowly = read.bytes;
  });
  let seq = 0;
  const started = await answerOf(agent, `${url}/v1/runs`, JSON.stringify(body));
  const { id } = JSON.parse(await textOf(started)) as { id: string };
  const parser = createParser({
    onEvent({ data }) {
      const event = JSON.parse(data) as RunEvent;
      if (event.seq <= seq) read.doubled += 1;
      else read.lost += event.seq - seq - 1;
      seq = Math.max(seq, event.seq);
      read.last = event.type;
      if (event.type !== 'call.delta') return;
      read.texts.push(performance.now());
      read.text += event.text;
    },
  });
  while (!/^run\.(completed|failed|cancelled)$/.test(read.last)) {
    const stream = await answerOf(agent, `${url}/v1/runs/${id}/events?after=${seq}`);
    if (stream.statusCode !== 200) throw new Error(`Reading events was answered with ${stream.statusCode}`);
    stream.setEncoding('utf8');
    try {
      for await (const piece of stream) {
        read.bytes += (piece as string).length;
        parser.feed(piece as string);
        const patienceMs = (1_000 * (piece as string).length) / SLOW_BYTES_A_SECOND;
        if (isSlow) await Promise.race([hurry, delay(patienceMs, undefined, { ref: false })]);
      }
    } catch {
      // asked again after the last event
    }
    parser.reset();
  }
  read.end = performance.now();
  return read;
}

function answerOf(agent: Agent, url: string, body?: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    request(url, { agent, headers, method: body === undefined ? 'GET' : 'POST' }, resolve)
      .on('error', reject)
      .end(body);
  });
}

async function textOf(answer: IncomingMessage): Promise<string> {
  let text = '';
  answer.setEncoding('utf8');
  for await (const piece of answer) text += piece;
  if (answer.statusCode !== 202) throw new Error(`Starting a run was answered with ${answer.statusCode}: ${text}`);
  return text;
}
