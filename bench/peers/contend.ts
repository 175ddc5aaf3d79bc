/** The process of one contender: does what the race asks of it, and says how long it took as its caller saw it. */
import { randomUUID } from 'node:crypto';
import type { Bed, Contender } from './contender.ts';

export interface Tasks {
  /** chains one after the other @returns ms each */
  chains(count: number): Promise<number[]>;
  /** chains for so long, always as many in flight; those begun are finished */
  burst(task: { inFlight: number; forMs: number }): Promise<{ runs: number; ms: number }>;
  /** streams one after the other @returns ms to the first token each */
  firstTokens(count: number): Promise<number[]>;
  /** streams that begin at once @returns ms to each one's first token, and between arrivals of all */
  streams(count: number): Promise<{ first: number[]; gaps: number[] }>;
  /** begins a chain, for a crash in its middle */
  begin(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  close(): Promise<void>;
}
export type Task = keyof Tasks;

const ANSWER = 'Rivers bend because they can.';
const STREAM_LENGTH = 500;
/** What comes within this time a person sees as one piece, and so a batch is no row of tokens with no time between them. */
const TOGETHER_MS = 2;

const { file, variant, bed } = JSON.parse(process.argv[2]!) as { file: string; variant?: string; bed: Bed };
const { open } = await import(`./contenders/${file}.ts`);
const contender: Contender = await open(bed, variant);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

async function chain(): Promise<void> {
  const answer = await contender.chain(randomUUID(), randomUUID());
  if (answer !== ANSWER) throw new Error(`A chain ended with "${answer}"`);
}

/** @returns when tokens came, ms since the start: those that came together are one arrival */
async function stream(prompt: string, length: number): Promise<number[]> {
  const startedAt = performance.now();
  const arrivals: number[] = [];
  let text = '';
  for await (const token of contender.stream(randomUUID(), prompt)) {
    const at = performance.now() - startedAt;
    if (at > (arrivals.at(-1) ?? Number.NEGATIVE_INFINITY) + TOGETHER_MS) arrivals.push(at);
    text += token;
  }
  if (text.length !== length) throw new Error(`A stream of ${length} characters gave ${text.length}`);
  return arrivals;
}

async function repeat<Value>(count: number, work: () => Promise<Value>): Promise<Value[]> {
  const values: Value[] = [];
  for (let nth = 0; nth < count; nth++) values.push(await work());
  return values;
}

const tasks: Tasks = {
  chains: (count) => repeat(count, () => timed(chain)),
  async burst({ inFlight, forMs }) {
    const startedAt = performance.now();
    let runs = 0;
    const lane = async () => {
      for (; performance.now() - startedAt < forMs; runs++) await chain();
    };
    const ms = await timed(() => Promise.all(Array.from({ length: inFlight }, lane)));
    return { runs, ms };
  },
  firstTokens: (count) => repeat(count, async () => (await stream(`q ${randomUUID()}`, ANSWER.length))[0]!),
  async streams(count) {
    const all = await Promise.all(Array.from({ length: count }, () => stream(`stream ${randomUUID()}`, STREAM_LENGTH)));
    const gaps = all.flatMap((arrivals) => arrivals.slice(1).map((at, before) => at - arrivals[before]!));
    return { first: all.map(([first]) => first!), gaps };
  },
  async begin(id) {
    void contender.chain(id, `crash ${id}`).catch(() => {});
  },
  async resume(id) {
    await contender.resume?.(id);
  },
  close: () => contender.close(),
};

process.on('message', async ({ id, task, argument }: { id: number; task: Task; argument: never }) => {
  try {
    process.send?.({ id, value: await tasks[task](argument) });
  } catch (error) {
    process.send?.({ id, error: (error as Error).stack ?? String(error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true, resumes: contender.resume !== undefined });
