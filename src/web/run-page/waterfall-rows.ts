import type { CallError, Timeline } from '../../contract/index.ts';
import { duration } from '../parts/figures.ts';
import type { Span } from './time-scale.ts';

export type TimelineStep = Timeline['steps'][number];
export type TimelineCall = TimelineStep['calls'][number];

type BarKind = 'step' | 'silent' | 'call' | 'failed' | 'wait' | 'cached' | 'abandoned' | 'tool' | 'approval' | 'run';

/** A piece of a row on the time axis, ms since 1970. */
export interface Bar extends Span {
  kind: BarKind;
  /** it goes on */
  isOpen?: boolean;
  says: string;
}

/** A line of the waterfall: a step, or one of several calls in a step. */
export interface Row {
  key: string;
  step: TimelineStep;
  call?: TimelineCall;
  depth: number;
  kind: 'step' | 'call' | 'tool' | 'approval' | 'run';
  name: string;
  /** beside the name: the model, what a tool was asked */
  about?: string;
  bars: Bar[];
  startedAt: number;
  endedAt?: number;
  costUsd?: number | null;
  state: 'running' | 'waiting' | 'done' | 'failed' | 'cached' | 'abandoned' | 'rejected';
  /** what its colours say, in words */
  says: string;
}

/**
 * Steps and calls as lines with bars: silence before the first token apart from the words, each failed attempt, each wait.
 * @param now ms since 1970; undefined where the run has ended
 * @param heardAt when a call under way was first heard, ms since 1970
 */
export function rowsOf(
  steps: readonly TimelineStep[],
  now: number | undefined,
  heardAt: (call: string) => number | undefined = () => undefined,
): Row[] {
  return steps.flatMap((step) => {
    const { calls } = step;
    if (calls.length === 1 && !step.tool && !step.approval)
      return [spoken(callRow(step, calls[0]!, { now, heardAt, depth: 0 }))];
    const own = spoken(stepRow(step, now));
    return [own, ...calls.map((call) => spoken(callRow(step, call, { now, heardAt, depth: 1 })))];
  });
}

/** When something was done: calls and tools, not waits and people. */
export function busySpans(rows: readonly Row[]): Span[] {
  return rows.flatMap(({ bars }) => bars.filter(({ kind }) => !['wait', 'approval', 'step', 'run'].includes(kind)));
}

type Unspoken = Omit<Row, 'says'>;

function stepRow(step: TimelineStep, now: number | undefined): Unspoken {
  const { tool, approval, run, error, agent } = step;
  const from = Date.parse(step.startedAt);
  const ended = (at: string | undefined) => (at === undefined ? undefined : Date.parse(at));
  const base = { key: step.step, step, depth: 0, name: step.step, startedAt: from };
  if (tool) {
    const endedAt = ended(tool.endedAt);
    const started = Date.parse(tool.startedAt);
    const says = tool.error ? `failed: ${tool.error.type}` : tool.interrupted ? 'interrupted' : 'tool';
    return {
      ...base,
      ...{ kind: 'tool', name: nameOfTool(step), about: tool.summary, endedAt, startedAt: started },
      bars: [bar(started, endedAt, now, tool.error || tool.interrupted ? 'failed' : 'tool', says)],
      state: endedAt === undefined ? stateOf(now) : tool.error || tool.interrupted ? 'failed' : 'done',
    };
  }
  if (approval) {
    const endedAt = ended(approval.resolvedAt);
    const answered = approval.approved ? 'approved' : approval.expired ? 'nobody answered' : 'rejected';
    const by = approval.by === undefined ? '' : ` by ${approval.by}`;
    return {
      ...base,
      ...{ kind: 'approval', about: endedAt === undefined ? 'waits for a person' : `${answered}${by}`, endedAt },
      bars: [bar(Date.parse(approval.requestedAt), endedAt, now, 'approval', 'a person was asked')],
      state: endedAt === undefined ? (now === undefined ? 'done' : 'waiting') : approval.approved ? 'done' : 'rejected',
    };
  }
  const endedAt = ended(step.endedAt);
  const state = error ? 'failed' : endedAt === undefined ? stateOf(now) : 'done';
  if (run !== undefined)
    return { ...base, kind: 'run', about: run, endedAt, bars: [bar(from, endedAt, now, 'run', 'another run')], state };
  const costs = step.calls.map(({ costUsd }) => costUsd).filter((cost) => cost !== undefined);
  return {
    ...base,
    ...{ kind: 'step', about: agent, endedAt, state, bars: [bar(from, endedAt, now, 'step', 'step')] },
    costUsd: costs.length === 0 ? undefined : costs.reduce<number | null>((sum, cost) => added(sum, cost), 0),
  };
}

interface CallSeen {
  now: number | undefined;
  heardAt(call: string): number | undefined;
  depth: number;
}

function callRow(step: TimelineStep, call: TimelineCall, { now, heardAt, depth }: CallSeen): Unspoken {
  const bars = barsOf(call, now, heardAt(call.call));
  if (now !== undefined && isWaitedAfter(step, call)) {
    const from = Date.parse(call.endedAt!);
    bars.push({ kind: 'wait', from, to: now, isOpen: true, says: 'waits before it asks again' });
  }
  const endedAt = call.endedAt === undefined ? undefined : Date.parse(call.endedAt);
  const last = bars.at(-1);
  const isRunning = now !== undefined && endedAt === undefined;
  const isWaiting = now !== undefined && last?.kind === 'wait';
  const failed = call.errors.length > 0 && call.finishReason === undefined && !isRunning;
  const alone = depth === 0;
  const why = call.hedgeOf ? `beside ${shortModel(call.hedgeOf)}` : call.fallback ? 'instead' : undefined;
  return {
    key: `${step.step} ${call.call}`,
    ...{ step, call, depth, kind: 'call', bars, endedAt, costUsd: call.costUsd },
    name: alone ? step.step : shortModel(call.model),
    about: alone ? (step.step.endsWith(call.model) ? undefined : shortModel(call.model)) : why,
    startedAt: Date.parse(call.startedAt),
    state: call.abandonedFor
      ? 'abandoned'
      : call.cached
        ? 'cached'
        : isWaiting
          ? 'waiting'
          : isRunning
            ? 'running'
            : failed || call.invalid !== undefined
              ? 'failed'
              : 'done',
  };
}

/** The step goes on, and nobody is asked: it waits until it asks again. */
function isWaitedAfter({ calls, endedAt, error }: TimelineStep, call: TimelineCall): boolean {
  if (endedAt !== undefined || error || call.endedAt === undefined || call.finishReason !== undefined) return false;
  return calls.every(
    (other) => other.endedAt !== undefined && other.finishReason === undefined && other.endedAt <= call.endedAt!,
  );
}

/** Attempts with the waits between them; of the last one, silence and words. */
function barsOf(call: TimelineCall, now: number | undefined, heardAt: number | undefined): Bar[] {
  const alone = { startedAt: call.startedAt, endedAt: call.endedAt, error: undefined as CallError | undefined };
  const attempts = call.eachAttempt ?? [
    { ...alone, error: call.finishReason === undefined ? call.errors.at(-1) : undefined },
  ];
  const bars: Bar[] = [];
  for (const [index, { startedAt, endedAt, error }] of attempts.entries()) {
    const from = Date.parse(startedAt);
    const before = bars.at(-1);
    if (before && from > before.to) {
      const says = `waited ${duration(from - before.to)}`;
      // A wait that is not over reaches as far as time has come.
      bars.push({ kind: 'wait', from: before.to, to: now === undefined ? from : Math.min(from, now), says });
      if (now !== undefined && from > now) return bars;
    }
    const isLast = index === attempts.length - 1;
    const to = endedAt === undefined ? (now ?? from) : Date.parse(endedAt);
    const isOpen = endedAt === undefined && now !== undefined;
    if (call.abandonedFor) bars.push({ kind: 'abandoned', from, to, says: `left for ${call.abandonedFor}` });
    else if (error && !isOpen) bars.push({ kind: 'failed', from, to, says: error.type });
    else if (call.cached) bars.push({ kind: 'cached', from, to, says: 'there already' });
    else if (isLast && call.firstTokenMs !== undefined) {
      // measured from the request on, which began a little after the attempt
      const first = Math.max(from, to - Math.max(0, (call.totalMs ?? 0) - call.firstTokenMs));
      bars.push({ kind: 'silent', from, to: first, says: `first token after ${duration(call.firstTokenMs)}` });
      bars.push({ kind: 'call', from: first, to, says: 'words' });
    } else if (isOpen && heardAt !== undefined && heardAt >= from) {
      bars.push({ kind: 'silent', from, to: heardAt, says: `first token after ${duration(heardAt - from)}` });
      bars.push({ kind: 'call', from: heardAt, to, isOpen, says: 'words' });
    } else bars.push({ kind: isOpen ? 'silent' : 'call', from, to, isOpen, says: isOpen ? 'under way' : 'call' });
  }
  return bars;
}

function bar(from: number, to: number | undefined, now: number | undefined, kind: BarKind, says: string): Bar {
  return { kind, from, to: to ?? now ?? from, isOpen: to === undefined && now !== undefined, says };
}

function stateOf(now: number | undefined): 'running' | 'done' {
  return now === undefined ? 'done' : 'running';
}

function added(sum: number | null, cost: number | null): number | null {
  return sum === null || cost === null ? null : sum + cost;
}

function nameOfTool({ step, tool }: TimelineStep): string {
  return step.endsWith(`/${tool!.tool}`) || step.includes(`/${tool!.tool}#`) ? step : `${step} · ${tool!.tool}`;
}

/** A model's name without its provider's. */
export function shortModel(model: string): string {
  return model.slice(model.indexOf('/') + 1);
}

function spoken(row: Unspoken): Row {
  const { call, state } = row;
  const said = [
    state,
    ...(call && call.attempts > 1 ? [`${call.attempts} attempts`] : []),
    ...(call?.errors.map(({ type }) => type) ?? []),
    ...(call?.invalid === undefined ? [] : ['its answer was not taken']),
  ];
  return { ...row, says: said.join(', ') };
}
