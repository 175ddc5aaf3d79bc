import { kindOf, namedWaitMs } from './attempts.ts';
import { type CallError, reactionTo } from './errors.ts';
import type { ModelRef } from './models.ts';
import { durationMs, type Policy } from './policy.ts';

/*
 * The course of a step: whom it asks, in which order, how often, and when it waits. Pure: the workflow and the activity
 * only carry out its moves.
 *
 *   ready --ask--> answer
 *     |
 *     +-- outage ---------> resting --its time comes--> asked again, whoever may be asked first
 *     +-- does not fit ---> repair --> again -----> out
 *     +-- anything else --------------------------> out
 *
 * Candidates are asked in the policy's order; none waits for another. With nobody left to ask, the step waits for the
 * first that may be asked again, up to one deadline; with nobody left to wait for, it fails.
 */

/** An answer that was given, and why it will not do: the model is shown both. */
export interface Correction {
  said: string;
  problem: string;
}

type CandidateState = { model: ModelRef; state: 'ready' } | Left;

type Left =
  /** `readyAt`, `downSince`: ms since 1970 */
  | { model: ModelRef; state: 'resting'; error: CallError; readyAt: number; downSince: number }
  | { model: ModelRef; state: 'out'; error: CallError };

export interface Course {
  candidates: readonly CandidateState[];
  fallbackOn: readonly string[];
  /** ms since 1970 until which the step waits for candidates that are down */
  deadline: number;
  /** waits also where no provider said for how long */
  isPatient: boolean;
  /** calls so far */
  calls: number;
  asking?: Asking;
  /** the candidate that was left last, and why */
  left?: { from: ModelRef; error: CallError };
  /** a cached answer that was not accepted since the last call */
  refused?: CachedAnswer;
}

export interface CachedAnswer {
  model: ModelRef;
  requestHash: string;
}

interface Asking {
  model: ModelRef;
  /** `repair`: the answer is shown with what is wrong with it; `again`: the same request once more */
  stage: 'first' | 'repair' | 'again';
  /** what a guardrail did not accept, and asked to be corrected */
  corrected: Correction[];
}

/** What became of a move. A usable answer ends the course, and is none of these. */
export type Outcome =
  | { error: CallError }
  /** the answer does not fit what was asked for; `cachedAs`: where the cache has it */
  | { unusable: Correction; cachedAs?: string }
  /** a guardrail keeps the request from the candidate, or does not accept its answer; `correction`: it may mend it */
  | { rejected: CallError; correction?: Correction; cachedAs?: string }
  | 'waited';

export type Move =
  | { ask: Ask }
  /** ms */
  | { waitMs: number; error: CallError }
  /** the error of each candidate that has one, in the policy's order; what ended the step last */
  | { fail: CallError[] };

export interface Ask {
  model: ModelRef;
  /** answers the model is shown, with what is wrong with them */
  corrections: Correction[];
  /** tells the second of two equal requests apart */
  sample?: number;
  /** the how-manieth call of the step, from 1 */
  nth: number;
  fallback?: { from: ModelRef; error: CallError };
  /** a cached answer nobody is to get any more */
  evict?: CachedAnswer;
  /** candidates this course has not asked: where one has answered all the same, the step was done before */
  unasked?: ModelRef[];
}

/** When a move is chosen. */
export interface At {
  /** ms since 1970 */
  now: number;
  /** events in the workflow's history: Temporal ends one of 51,200 */
  historyLength?: number;
}

export interface Step {
  course: Course;
  move: Move;
}

/** How long a step without patience waits in all where providers say how long, ms. */
const DEFAULT_PATIENCE_MS = 60_000;
/** First rest of a candidate that is down and does not say for how long, ms. */
const FIRST_REST_MS = 5_000;
/** A rest is this part of the outage so far: a long outage is noticed to be over that much late. */
const REST_SHARE = 1 / 4;
/** Longest rest by how full the history is, ms: two weeks of an outage must fit into it, also of many steps at once. */
const LONGEST_REST: [historyLength: number, ms: number][] = [
  [35_000, 12 * 3_600_000],
  [20_000, 2 * 3_600_000],
  [0, 30 * 60_000],
];

/** @param deadline ms since 1970, where the step began to wait in an earlier history */
export function beginCourse(policy: Policy, at: At, deadline?: number): Step {
  const patienceMs = policy.patience === undefined ? DEFAULT_PATIENCE_MS : durationMs(policy.patience);
  return chosen(
    {
      candidates: policy.candidates.map((model) => ({ model, state: 'ready' })),
      fallbackOn: policy.fallbackOn ?? [],
      deadline: deadline ?? at.now + patienceMs,
      isPatient: policy.patience !== undefined,
      calls: 0,
    },
    at,
  );
}

export function nextMove(before: Course, outcome: Outcome, at: At): Step {
  if (outcome === 'waited') return chosen(before, at, true);
  const asking = before.asking!;
  const cachedAs = 'cachedAs' in outcome ? outcome.cachedAs : undefined;
  const course =
    cachedAs === undefined ? before : { ...before, refused: { model: asking.model, requestHash: cachedAs } };
  if ('unusable' in outcome) {
    if (asking.stage === 'first') return ask(course, { ...asking, stage: 'repair' }, outcome.unusable);
    if (asking.stage === 'repair') return ask(course, { ...asking, stage: 'again' });
    return leave(course, unusableOf(asking.model, outcome.unusable), at);
  }
  if ('rejected' in outcome) {
    if (outcome.correction && asking.corrected.length === 0) {
      return ask(course, { ...asking, stage: 'first', corrected: [outcome.correction] });
    }
    return leave(course, outcome.rejected, at);
  }
  const { error } = outcome;
  // There is no answer to be shown: it is only asked for once more.
  if (reactionTo(error.type) === 'repair' && asking.stage === 'first')
    return ask(course, { ...asking, stage: 'again' });
  return afterError(course, error, at);
}

function afterError(course: Course, error: CallError, at: At): Step {
  switch (kindOf(error, course.fallbackOn)) {
    case 'stop':
      return { course, move: { fail: [...errorsOf(course, course.asking!.model), error] } };
    case 'outage':
      return chosen(withCandidate(course, rested(course, error, at)), at);
    case 'other':
      return leave(course, error, at);
  }
}

/** A candidate that is down: resting, if it may be asked again before the deadline. */
function rested(course: Course, error: CallError, { now, historyLength = 0 }: At): Left {
  const { model } = course.asking!;
  const before = course.candidates.find((candidate) => candidate.model === model)!;
  const downSince = before.state === 'resting' ? before.downSince : now;
  // It is no outage: with nobody else to ask, the call waits in its turn, which its own activity does.
  if (error.held === 'limit') return { model, state: 'resting', error, downSince: now, readyAt: now };
  const named = namedWaitMs(error);
  const mayWait = now < course.deadline && (named === undefined ? course.isPatient : now + named <= course.deadline);
  if (!mayWait) return { model, state: 'out', error };
  const longest = LONGEST_REST.find(([length]) => historyLength >= length)![1];
  const restMs = Math.max(named ?? FIRST_REST_MS, Math.min((now - downSince) * REST_SHARE, longest));
  return { model, state: 'resting', error, downSince, readyAt: Math.min(now + restMs, course.deadline) };
}

function leave(course: Course, error: CallError, at: At): Step {
  return chosen(withCandidate(course, { model: course.asking!.model, state: 'out', error }), at);
}

function withCandidate(course: Course, candidate: Left): Course {
  return {
    ...course,
    candidates: course.candidates.map((other) => (other.model === candidate.model ? candidate : other)),
    left: { from: candidate.model, error: candidate.error },
  };
}

/** Whoever may be asked now; else the wait for the first who may be; else the end. What was waited for is asked, even if
 *  the timer was late. */
function chosen(course: Course, { now }: At, hasWaited = false): Step {
  const ready = course.candidates.find(({ state }) => state === 'ready');
  if (ready) return ask(course, { model: ready.model, stage: 'first', corrected: [] });
  const [first] = course.candidates
    .filter((candidate) => candidate.state === 'resting')
    .sort((one, other) => one.readyAt - other.readyAt);
  const isOver = now >= course.deadline && !hasWaited && first?.error.held !== 'limit';
  if (first === undefined || isOver) return { course, move: { fail: errorsOf(course) } };
  if (first.readyAt > now && !hasWaited) return { course, move: { waitMs: first.readyAt - now, error: first.error } };
  return ask(course, { model: first.model, stage: 'first', corrected: [] });
}

function ask(course: Course, asking: Asking, repairs?: Correction): Step {
  const { model, stage, corrected } = asking;
  const { left, calls, refused, candidates } = course;
  const unasked = candidates.flatMap((one) => (one.state === 'ready' && one.model !== model ? [one.model] : []));
  return {
    course: { ...course, asking, calls: calls + 1, left: undefined, refused: undefined },
    move: {
      ask: {
        model,
        corrections: repairs ? [...corrected, repairs] : corrected,
        sample: stage === 'again' ? 1 : undefined,
        nth: calls + 1,
        fallback: left?.from === model ? undefined : left,
        evict: refused,
        unasked: unasked.length === 0 ? undefined : unasked,
      },
    },
  };
}

function errorsOf(course: Course, except?: ModelRef): CallError[] {
  return course.candidates.flatMap((candidate) =>
    candidate.state === 'ready' || candidate.model === except ? [] : [candidate.error],
  );
}

function unusableOf(model: ModelRef, { problem }: Correction): CallError {
  return { type: 'InvalidOutput', message: `The answer of ${model} is not what was asked for: ${problem}`, model };
}
