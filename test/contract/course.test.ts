import { describe, expect, test } from '@jest/globals';
import {
  beginCourse,
  type CallError,
  type Course,
  type Move,
  nextMove,
  type Outcome,
  type Policy,
} from '../../src/contract/index.ts';

const A = 'openai/a';
const B = 'anthropic/b';
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const down: CallError = { type: 'Unavailable', message: 'down' };
const limited = (retryAfterMs?: number): CallError => ({ type: 'RateLimited', message: 'slow down', retryAfterMs });
const refusedKey: CallError = { type: 'AuthenticationFailed', message: 'no such key' };
const bad = { unusable: { said: 'no', problem: 'not JSON' } };

/** Plays a step: what each model does when it is asked, and what was done until it answered or failed. */
function play(policy: Policy, script: (model: string, now: number, nth: number) => Outcome | 'answer', tookMs = 0) {
  const done: string[] = [];
  let now = 0;
  let step: { course: Course; move: Move } = beginCourse(policy, { now });
  for (let moves = 0; moves < 100_000; moves += 1) {
    const { course, move } = step;
    if ('fail' in move) return { done, now, failed: move.fail, course };
    if ('waitMs' in move) {
      done.push(`wait ${move.waitMs}`);
      now += move.waitMs;
      step = nextMove(course, 'waited', { now });
      continue;
    }
    const { model, corrections, sample, nth } = move.ask;
    done.push([model, ...corrections.map(() => 'corrected'), ...(sample ? ['again'] : [])].join(' '));
    const outcome = script(model, now, nth);
    now += tookMs;
    if (outcome === 'answer') return { done, now, course };
    step = nextMove(course, outcome, { now });
  }
  throw new Error('It never ends');
}

describe('who is asked', () => {
  const cases: [string, Policy, (model: string, now: number, nth: number) => Outcome | 'answer', string[]][] = [
    ['an answer ends it', { candidates: [A, B] }, () => 'answer', [A]],
    [
      'a refused key leaves the candidate at once',
      { candidates: [A, B] },
      (model) => (model === A ? { error: refusedKey } : 'answer'),
      [A, B],
    ],
    [
      'a long Retry-After at the first candidate holds up nobody',
      { candidates: [A, B], patience: 20 * MINUTE },
      (model) => (model === A ? { error: limited(300_000) } : 'answer'),
      [A, B],
    ],
    [
      'the candidate that only had a blip is asked again before the one that named an hour',
      { candidates: [A, B], patience: 2 * HOUR },
      (model, _, nth) => (model === A ? { error: limited(HOUR) } : nth === 2 ? { error: down } : 'answer'),
      [A, B, 'wait 5000', B],
    ],
    [
      'without patience a named wait is waited for, up to a minute in all',
      { candidates: [A] },
      (_, __, nth) => (nth === 1 ? { error: limited(30_000) } : 'answer'),
      [A, 'wait 30000', A],
    ],
    ['without patience an outage of unknown length fails', { candidates: [A] }, () => ({ error: down }), [A]],
    [
      'Retry-After: 0 says nothing, and ends no patience',
      { candidates: [A], patience: MINUTE },
      (_, __, nth) => (nth < 3 ? { error: limited(0) } : 'answer'),
      [A, 'wait 5000', A, 'wait 5000', A],
    ],
    [
      'a wait beyond the deadline is not begun',
      { candidates: [A], patience: 20 * MINUTE },
      () => ({ error: limited(HOUR) }),
      [A],
    ],
    [
      'a request that can never fit into a minute goes to the next candidate, and is not waited for',
      { candidates: [A, B], patience: HOUR },
      () => ({ error: { ...limited(10_000), permanent: true } }),
      [A, B],
    ],
    [
      'an answer that does not fit is repaired, asked for again, then left',
      { candidates: [A, B] },
      (model) => (model === A ? bad : 'answer'),
      [A, `${A} corrected`, `${A} again`, B],
    ],
    [
      'an answer that broke at the provider cannot be shown to it: it is asked for once more',
      { candidates: [A, B] },
      (model) => (model === A ? { error: { type: 'InvalidOutput', message: 'malformed' } } : 'answer'),
      [A, `${A} again`, B],
    ],
    [
      'a guardrail has an answer corrected once',
      { candidates: [A, B] },
      (model) =>
        model === A
          ? { rejected: { type: 'Refused', message: 'rude' }, correction: { said: 'x', problem: 'rude' } }
          : 'answer',
      [A, `${A} corrected`, B],
    ],
    [
      'a corrected answer that does not fit is repaired, beside the correction',
      { candidates: [A] },
      (_, __, nth) =>
        nth === 1
          ? { rejected: { type: 'Refused', message: 'rude' }, correction: { said: 'x', problem: 'rude' } }
          : nth === 2
            ? bad
            : 'answer',
      [A, `${A} corrected`, `${A} corrected corrected`],
    ],
    ['a refusal ends the step', { candidates: [A, B] }, () => ({ error: { type: 'Refused', message: 'no' } }), [A]],
    [
      'unless the policy says otherwise',
      { candidates: [A, B], fallbackOn: ['Refused'] },
      (model) => (model === A ? { error: { type: 'Refused', message: 'no' } } : 'answer'),
      [A, B],
    ],
    [
      'a schema that one provider does not take is asked of the next',
      { candidates: [A, B] },
      (model) =>
        model === A ? { error: { type: 'InvalidRequest', message: 'schema', schemaRefused: true } } : 'answer',
      [A, B],
    ],
    [
      'an invalid request ends the step',
      { candidates: [A, B], patience: HOUR },
      () => ({ error: { type: 'InvalidRequest', message: 'no' } }),
      [A],
    ],
  ];
  test.each(cases)('%s', (_, policy, script, expected) => {
    expect(play(policy, script).done).toEqual(expected);
  });
});

test('a candidate that is out is not asked again after a wait', () => {
  const { done } = play({ candidates: [A, B], patience: HOUR }, (model, _, nth) =>
    model === A ? { error: refusedKey } : nth < 4 ? { error: down } : 'answer',
  );
  expect(done.filter((move) => move === A)).toHaveLength(1);
});

test('patience is the step’s, however long its attempts take', () => {
  const { now, failed } = play({ candidates: [A, B], patience: 10 * MINUTE }, () => ({ error: down }), 4 * MINUTE);
  expect(now).toBeLessThanOrEqual(10 * MINUTE + 4 * MINUTE);
  expect(failed).toHaveLength(2);
});

test('the last ask is at the deadline', () => {
  const asked: number[] = [];
  const { now } = play({ candidates: [A], patience: 10 * MINUTE }, (_, at) => {
    asked.push(at);
    return { error: down };
  });
  expect(asked.at(-1)).toBe(10 * MINUTE);
  expect(now).toBe(10 * MINUTE);
});

test.each([1, 3])(
  'two weeks of an outage of %d candidates fit into a history, and are noticed to be over in time',
  (count) => {
    const candidates = Array.from({ length: count }, (_, n) => `openai/m${n}`);
    const asked: number[] = [];
    const { done } = play({ candidates, patience: 15 * DAY }, (_, now) => {
      asked.push(now);
      return now < 14 * DAY ? { error: limited(1_000) } : 'answer';
    });
    // An ask is 6 events at most (a task and an activity), a wait 5 (a task and a timer).
    const waits = done.filter((move) => move.startsWith('wait')).length;
    expect(6 * (done.length - waits) + 5 * waits).toBeLessThan(25_000);
    expect(asked.at(-1)! - 14 * DAY).toBeLessThan(30 * MINUTE);
    expect(asked.filter((at) => at < MINUTE).length).toBeGreaterThan(5);
  },
);

test('two weeks of an outage of sixteen steps at once fit into one history', () => {
  const policy: Policy = { candidates: [A], patience: 15 * DAY };
  const steps = Array.from({ length: 16 }, () => ({ at: 0, step: beginCourse(policy, { now: 0 }) }));
  let historyLength = 0;
  for (;;) {
    const one = steps.reduce((first, other) => (other.at < first.at ? other : first));
    if (one.at >= 14 * DAY) break;
    const { course, move } = one.step;
    if ('fail' in move) throw new Error('It gave up');
    historyLength += 'ask' in move ? 6 : 5;
    if ('waitMs' in move) one.at += move.waitMs;
    const outcome = 'waitMs' in move ? 'waited' : { error: limited(1_000) };
    one.step = nextMove(course, outcome, { now: one.at, historyLength });
  }
  expect(historyLength).toBeLessThan(48_000);
});

test('the fuller the history, the longer the rests', () => {
  const rest = (historyLength: number) => {
    let { course, move } = beginCourse({ candidates: [A], patience: 30 * DAY }, { now: 0 });
    ({ course, move } = nextMove(course, { error: down }, { now: 0 }));
    ({ course, move } = nextMove(course, 'waited', { now: 10 * DAY }));
    ({ course, move } = nextMove(course, { error: down }, { now: 10 * DAY, historyLength }));
    return 'waitMs' in move ? move.waitMs : undefined;
  };
  expect([rest(100), rest(20_000), rest(40_000)]).toEqual([HOUR / 2, 2 * HOUR, 12 * HOUR]);
});

test('the next call says which candidate was left and why, and which cached answer was not accepted', () => {
  const { course } = beginCourse({ candidates: [A, B] }, { now: 0 });
  const repair = nextMove(course, { ...bad, cachedAs: 'hash' }, { now: 0 });
  expect(repair.move).toMatchObject({ ask: { model: A, evict: { model: A, requestHash: 'hash' } } });
  const again = nextMove(repair.course, bad, { now: 0 });
  expect(again.move).toMatchObject({ ask: { sample: 1, evict: undefined } });
  const other = nextMove(again.course, bad, { now: 0 });
  expect(other.move).toMatchObject({
    ask: { model: B, nth: 4, fallback: { from: A, error: { type: 'InvalidOutput' } } },
  });
});
