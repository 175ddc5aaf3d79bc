import type { CallError, ModelReply, NewEvent, RunRef, Usage } from '../contract/index.ts';
import { isTerminal } from '../contract/index.ts';
import type { Sealing } from './sealing.ts';

/** An event with the key that lets the run have it only once. */
export type KeyedEvent = NewEvent & { key?: string };

/** The end of an attempt, as `end_attempt` takes it; the events beside it are written only if it counts. */
export interface CallEnd {
  key: string;
  /** short id of the call in events */
  call: string;
  step: string;
  model: string;
  epoch: number;
  /** who pays */
  accounts: string[];
  /** its run goes on before it is committed */
  ahead?: true;
  reply?: ModelReply;
  error?: CallError;
  final?: boolean;
  delayMs?: number;
  /** cost, and what caches saved, in USD; absent where they are not known */
  spent?: { usage: Usage; cost?: number; saved?: number; estimated: boolean; cached: boolean; batch?: true };
  cache?: { tenant: string; hash: string; ttl: number };
}

/** A call whose beginning waited for no disk (see begin-call.sql). */
export interface CallBegin {
  key: string;
  step: string;
  model: string;
  holder: string;
}

/** A call that begins in the transaction in which the one before it ends, as `begin_along` takes it. Events are its first ones. */
export interface CallAlong extends CallBegin {
  others?: string[];
  accounts: string[];
  shared?: object;
}

/** What one caller wants written of one run. */
export interface Work {
  run: RunRef;
  events: KeyedEvent[];
  begin?: CallBegin;
  along?: CallAlong;
  end?: CallEnd;
  /** not to be written where an end that its run went ahead of does not count */
  after?: true;
}

interface Line {
  o: number;
  r: number;
  /** index into `calls`, whose outcome decides on this event */
  i?: number;
  /** hangs on what the run went ahead of */
  after?: true;
  k?: string;
  t: string;
  s?: string;
  c?: string;
  e?: number;
  d: Record<string, unknown>;
}

/** A run as the database's functions take it. */
type RunLine = Partial<RunRef> & { follow?: boolean };

/** The parameter of `write_batch` (functions/write-batch.sql). */
export interface Batch {
  /** some of its runs may have no row yet */
  opens?: true;
  runs: RunLine[];
  begins?: object[];
  alongs?: (CallAlong & { r: number; first: Line[] })[];
  calls: CallEnd[];
  endings: { error?: CallError; usd?: number; after?: true }[];
  events: Line[];
}

/** The batch as it goes to the database. Texts of one call are joined before. */
export function sealedBatch(batch: Batch, sealing: Sealing): Batch {
  if (!sealing.since) return batch;
  const { runs, calls, endings, alongs, events } = batch;
  return {
    ...batch,
    runs: runs.map((run) => sealedRun(run, sealing)),
    calls: calls.map((call) => ({ ...call, reply: sealing.fields(call.reply), error: sealing.fields(call.error) })),
    endings: endings.map((ending) => ({ ...ending, error: sealing.fields(ending.error) })),
    alongs: alongs?.map((along) => ({ ...along, first: along.first.map((line) => sealedLine(line, sealing)) })),
    events: events.map((line) => sealedLine(line, sealing)),
  };
}

export function sealedLine(line: Line, { fields }: Sealing): Line {
  return { ...line, d: fields(line.d) };
}

/** Of a run's row, what its caller says of it is nobody else's, and nobody is to guess how it asks. */
export function sealedRun(run: RunLine, { whole, keyed }: Sealing): RunLine {
  const { metadata, promptHash } = run;
  return {
    ...run,
    metadata: metadata && whole(metadata),
    promptHash: promptHash === undefined ? undefined : keyed(promptHash),
  };
}

/**
 * One batch of many callers' work.
 * @param follow whether what is written of a run shall be returned
 * @param known runs whose row exists: their metadata need not travel again
 */
export function batchOf(works: Work[], follow: (chain: string) => boolean, known: (chain: string) => boolean): Batch {
  const runs = new Map<string, RunRef>();
  for (const { run } of works) runs.set(run.chain, run);
  const number = new Map([...runs.keys()].map((chain, index) => [chain, index + 1]));
  const batch: Batch = {
    opens: [...runs.keys()].some((chain) => !known(chain)) || undefined,
    runs: [...runs.values()].map((run) => ({ ...runLine(run, known(run.chain)), follow: follow(run.chain) })),
    calls: [],
    endings: [],
    events: [],
  };
  const texts = new Map<number, Line[]>();
  let order = 0;
  for (const { run, events, begin, along, end, after } of works) {
    const r = number.get(run.chain)!;
    if (begin) batch.begins = [...(batch.begins ?? []), { ...begin, r }];
    if (along) {
      const firstLines = events.map((event) => lineOf(event, ++order, r));
      batch.alongs = [...(batch.alongs ?? []), { ...along, r, first: firstLines }];
      texts.delete(r);
      continue;
    }
    const first = order + 1;
    for (const event of events) {
      // written by whatever makes the run's row
      if (event.type === 'run.started') continue;
      const line = lineOf(event, ++order, r);
      if (after) line.after = after;
      if (end) line.i = batch.calls.length;
      if (isTerminal(event)) batch.endings.push({ ...endingOf(event, order, r), after });
      if (joined(line, r, texts)) continue;
      batch.events.push(line);
    }
    if (end) {
      texts.delete(r);
      batch.calls.push({ ...end, o: first, last: order, r, after } as CallEnd);
    }
  }
  return batch;
}

function runLine(run: RunRef, known: boolean): RunLine {
  const { id, chain, pattern, tenant, key, metadata, budgetUsd, startedAt, above, promptHash } = run;
  return known ? { id, chain } : { id, chain, pattern, tenant, key, metadata, budgetUsd, startedAt, above, promptHash };
}

/** The run as `begin_call` takes it. */
export function wholeRun(run: RunRef): RunLine {
  return runLine(run, false);
}

/** An event as the database's functions take it. */
export function lineOf(event: KeyedEvent, o: number, r: number): Line {
  const { type, step, call, epoch, key, ...data } = event;
  // the status of a run decides whether it ends (again), not a key
  return { o, r, t: type, s: step, c: call, e: epoch, k: isTerminal(event) ? undefined : key, d: data };
}

/**
 * Joins text to the text of the same call and epoch before it. Text of other calls may lie between: a reader keeps text
 * by call. Any other event of the run may not.
 * @param texts by run: the last texts, one a call
 */
function joined(line: Line, r: number, texts: Map<number, Line[]>): boolean {
  if (!isTextType(line.t) || line.k !== undefined || line.i !== undefined) {
    texts.delete(r);
    return false;
  }
  const open = texts.get(r) ?? [];
  const before = open.find((other) => other.c === line.c);
  if (before && before.t === line.t && before.e === line.e && before.s === line.s) {
    before.d.text = `${before.d.text}${line.d.text}`;
    return true;
  }
  texts.set(r, [...open.filter((other) => other !== before), line]);
  return false;
}

function isTextType(type: string): boolean {
  return type === 'call.delta' || type === 'call.reasoning';
}

/** Words of a model, of which only the call's end waits to be written. */
export function isTextEvent({ type, key }: KeyedEvent): boolean {
  return key === undefined && isTextType(type);
}

function endingOf(event: NewEvent, o: number, r: number): Batch['endings'][number] {
  const ending = { o, r, status: event.type.slice('run.'.length) };
  if (event.type === 'run.completed') return { ...ending, usd: event.costUsd ?? undefined };
  return { ...ending, error: 'error' in event ? event.error : undefined };
}
