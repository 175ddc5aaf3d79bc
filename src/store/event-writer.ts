import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { isTerminal, type Log } from '../contract/index.ts';
import { type Batch, batchOf, isTextEvent, sealedBatch, type Work } from './event-batch.ts';
import type { Followers } from './event-followers.ts';
import type { EventRow } from './event-rows.ts';
import { FUNCTIONS } from './functions.ts';
import { backoffMs, isRefused } from './outage.ts';
import { createRunsAhead, type RunsAhead } from './runs-ahead.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

/** What became of a call's end, of its beginning, or of a run's end. */
export interface Written {
  /** of an end: false if the call had already ended, or a newer attempt has it */
  taken?: boolean;
  /** the epoch its events got */
  epoch?: number;
  /** of a beginning that came along: false where `begin_call` has to look at it */
  begun?: boolean;
  /** it is made for all who ask the same */
  claimed?: boolean;
  /** nothing was written: another worker has the run */
  overtaken?: boolean;
  /** of a run's end: all that is booked for the run, USD */
  costUsd?: number;
}

export interface EventWriter {
  /** Resolves when committed, however long the database is away. @throws what the database refused */
  write(work: Work): Promise<Written | undefined>;
  ahead: RunsAhead;
  /** Writes what was given, but gives a database that does not answer only so long. */
  close(graceMs: number): Promise<void>;
}

/** What is needed of a pool of `pg`. Our published types name none of its own: who uses them need not have those. */
interface QueryPool {
  query<Row extends object>(text: string, values: unknown[]): Promise<{ rows: Row[] }>;
}

interface Waiting {
  work: Work;
  resolve(written: Written | undefined): void;
  reject(error: unknown): void;
}

interface Answer {
  /** of calls' ends, of beginnings, then of runs' ends */
  results: Written[];
  written?: EventRow[];
  /** the batch was there already: its events are not published again */
  repeated?: boolean;
}

/** Bounds of one flush, so that a transaction stays short */
const MAX_EVENTS = 4_000;
const MAX_CHARACTERS = 8_000_000;
const WRITE_BATCH = `select ${FUNCTIONS.schema}.write_batch($1::jsonb) as answer`;
const KNOWN_RUNS = 10_000;
/** A flush of so many callers' work is one of many: text then waits so long for more of it, ms. */
const BUSY_FROM = 24;
const TEXT_WAITS_MS = 10;

/**
 * The one writer of a process, a group commit: while a flush is under way new work gathers, and the next flush takes
 * that of all runs in one transaction. Nothing waits on a timer, but text among much other text, for a moment. Memory is
 * bounded by those who await `write`.
 */
export function createEventWriter(
  pool: QueryPool,
  origin: string,
  followers: Followers,
  log: Log,
  sealing: Sealing,
): EventWriter {
  const writer = randomUUID();
  const known = new Set<string>();
  const ahead = createRunsAhead();
  const closing = new AbortController();
  let batchNumber = 0;
  let queue: Waiting[] = [];
  let flushing: Promise<void> | undefined;
  let lastFlush = { size: 0, endedAt: 0 };
  let hurry = () => {};

  async function flushAll(): Promise<void> {
    // whoever writes in this same turn of the event loop comes along: the end of an answer with its last words
    await setImmediate();
    while (queue.length > 0) {
      await gather();
      if (closing.signal.aborted) break;
      const size = flushSize(queue);
      const now = queue.slice(0, size);
      queue = queue.slice(size);
      await flush(now);
      lastFlush = { size, endedAt: performance.now() };
    }
    for (const waiting of queue) refuse(waiting, closing.signal.reason);
    queue = [];
    flushing = undefined;
  }

  /** Under load a transaction costs more than what is in it. What a step waits for is not held back. */
  async function gather(): Promise<void> {
    const waitMs = lastFlush.endedAt + TEXT_WAITS_MS - performance.now();
    if (lastFlush.size < BUSY_FROM || waitMs <= 0 || !queue.every(({ work }) => isText(work))) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    hurry = resolve;
    const timer = setTimeout(resolve, waitMs);
    await promise;
    clearTimeout(timer);
  }

  async function flush(given: Waiting[]): Promise<void> {
    const isLate = ({ work: { after, run } }: Waiting) => after === true && ahead.isOvertaken(run.chain);
    for (const late of given.filter(isLate)) late.resolve({ taken: false, overtaken: true });
    const waiting = given.filter((one) => !isLate(one));
    if (waiting.length === 0) return;
    try {
      const { results } = await committed(waiting.map(({ work }) => work));
      let ended = 0;
      let begun = waiting.filter(({ work }) => work.end).length;
      let closed = begun + waiting.filter(({ work }) => work.along && !work.end).length;
      for (const { work, resolve } of waiting) {
        const closes = work.events.filter(isTerminal).length;
        closed += closes;
        const ofRun = closes > 0 ? results[closed - 1] : undefined;
        const written = work.end ? results[ended++] : work.along ? results[begun++] : ofRun;
        if (work.end?.ahead) ahead.ended(work.run.chain, written?.taken === true);
        resolve(written);
      }
    } catch (error) {
      const sentShort = waiting.some(({ work }) => known.has(work.run.chain));
      known.clear();
      if (closing.signal.aborted || (waiting.length === 1 && !sentShort)) {
        for (const one of waiting) refuse(one, closing.signal.aborted ? closing.signal.reason : error);
        return;
      }
      // one caller's work was refused: the others' must not suffer for it
      for (const one of waiting) await flush([one]);
    }
  }

  function refuse({ work, reject }: Waiting, error: unknown): void {
    if (work.end?.ahead) ahead.ended(work.run.chain, false);
    reject(error);
  }

  /** The number of the batch makes repeating harmless when a connection is lost before its answer. */
  async function committed(works: Work[]): Promise<Answer> {
    const batch = sealedBatch(
      batchOf(works, followers.has, (chain) => known.has(chain)),
      sealing,
    );
    const complete = works.map(({ run }) => run).filter(({ chain }) => followers.has(chain));
    const parameter = storableJson({ writer, batch: ++batchNumber, origin, ...batch } satisfies Batch &
      Record<string, unknown>);
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await send(parameter);
        if (known.size > KNOWN_RUNS) known.clear();
        for (const { run } of works) known.add(run.chain);
        followers.publish(
          works.map(({ run }) => run),
          answer.repeated ? [] : complete,
          answer.written ?? [],
        );
        return answer;
      } catch (error) {
        if (isRefused(error) || closing.signal.aborted) throw error;
        if (attempt === 1 || attempt % 20 === 0)
          log.warn({ error: String(error), attempt }, 'Writing events: the database does not answer, trying again');
        await delay(backoffMs(attempt), undefined, { signal: closing.signal });
      }
    }
  }

  async function send(parameter: string): Promise<Answer> {
    // by the pool itself, which drops a connection that failed
    const { rows } = await pool.query<{ answer: Answer }>(WRITE_BATCH, [parameter]);
    return rows[0]!.answer;
  }

  return {
    ahead,
    write(work) {
      const { promise, resolve, reject } = Promise.withResolvers<Written | undefined>();
      // What was paid is written whatever became of the run.
      const isFree = !work.end || work.end.spent?.cached === true;
      const after = isFree && ahead.has(work.run.chain) ? true : undefined;
      const waiting = { work: { ...work, after } as const, resolve, reject };
      if (work.end?.ahead) ahead.goOn(work.run.chain);
      if (closing.signal.aborted) refuse(waiting, new Error('The store is closed: nothing more can be written.'));
      else queue.push(waiting);
      if (!isText(work)) hurry();
      flushing ??= flushAll();
      return promise;
    },
    async close(graceMs) {
      hurry();
      const grace = setTimeout(() => closing.abort(unwritten()), graceMs);
      await Promise.race([flushing, once(closing.signal, 'abort')]);
      clearTimeout(grace);
      closing.abort(unwritten());
    },
  };
}

const unwritten = () =>
  new Error('The store was closed while the database did not answer: the last events are not written.');

function isText({ events, end }: Work): boolean {
  return end === undefined && events.every(isTextEvent);
}

/** How many of the queue one flush takes: at least one. */
function flushSize(queue: Waiting[]): number {
  let events = 0;
  let characters = 0;
  const size = queue.findIndex(({ work }) => {
    const full = events > 0 && (events + work.events.length > MAX_EVENTS || characters > MAX_CHARACTERS);
    events += work.events.length;
    for (const event of work.events) if ('text' in event) characters += event.text.length;
    characters += work.end?.reply?.text.length ?? 0;
    return full;
  });
  return size === -1 ? queue.length : size;
}
