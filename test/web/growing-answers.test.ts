import { expect, test } from '@jest/globals';
import type { NewEvent, RunEvent } from '../../src/contract/index.ts';
import { type Blocks, NO_BLOCKS, withMore } from '../../src/web/markdown/blocks.ts';
import { afterEvents } from '../../src/web/run/after-events.ts';
import { answerOf, EMPTY_RUN } from '../../src/web/run/run-view.ts';

const TEXT = `# One

A paragraph
of two lines.

1. first

2. second

   still second

\`\`\`js
const a = 1;

# no heading
\`\`\`

> quoted

| a | b |
|---|---|
| 1 | 2 |

The end.`;

test('a growing text is cut into the same blocks however it comes, and nothing of it is lost', () => {
  const whole = withMore(NO_BLOCKS, `${TEXT}\n`);
  for (const size of [1, 3, 17]) {
    let blocks: Blocks = NO_BLOCKS;
    for (let at = 0; at < TEXT.length; at += size) blocks = withMore(blocks, TEXT.slice(0, at + size));
    blocks = withMore(blocks, `${TEXT}\n`);
    expect(blocks).toEqual(whole);
    expect(blocks.settled.join('') + blocks.rest).toBe(`${TEXT}\n`);
  }
  // Neither a loose list nor what is fenced is cut in two.
  expect(whole.settled.find((block) => block.includes('1. first'))).toContain('still second');
  expect(whole.settled.find((block) => block.startsWith('```'))).toContain('# no heading');
});

test('settled blocks stay the same objects while the last one grows, and a text that begins anew is cut anew', () => {
  const before = withMore(NO_BLOCKS, 'One.\n\nTwo.\n\nThr');
  const after = withMore(before, 'One.\n\nTwo.\n\nThree');
  expect(after.settled).toBe(before.settled);
  expect(withMore(after, 'Other')).toEqual({ settled: [], rest: 'Other' });
});

/** Events as a run has them, numbered and timed. */
function log(...events: NewEvent[]): RunEvent[] {
  return events.map(
    (event, at) => ({ ...event, runId: 'r', seq: at + 1, at: new Date(at * 100).toISOString() }) as RunEvent,
  );
}

const model = 'peer/one';
const of = { step: model, call: 'c' };
const events = log(
  { type: 'run.started', pattern: 'compare' },
  { ...of, type: 'step.started' },
  { ...of, epoch: 1, type: 'call.started', model },
  { ...of, epoch: 1, type: 'call.delta', text: 'half a w' },
  { ...of, epoch: 2, type: 'call.retrying', model, error: { type: 'ConnectionLost', message: 'gone' }, delayMs: 0 },
  { ...of, epoch: 1, type: 'call.delta', text: 'too late' },
  { ...of, epoch: 2, type: 'call.delta', text: 'the whole ' },
  { ...of, epoch: 2, type: 'call.delta', text: 'word' },
  {
    ...{ ...of, epoch: 2, type: 'call.completed', model, costUsd: 0.5, finishReason: 'stop' },
    usage: { inputTokens: 1, outputTokens: 2 },
  },
  { ...of, type: 'step.completed' },
  { type: 'run.completed', costUsd: 0.5 },
);

test('a call made again drops what it had said; events heard twice change nothing', () => {
  const once = afterEvents(EMPTY_RUN, events);
  expect(answerOf(once, model)).toMatchObject({ text: 'the whole word', state: 'done', epoch: 2 });
  expect(once).toMatchObject({ state: 'completed', seq: events.length, changedAt: events.length });
  let pieces = EMPTY_RUN;
  for (const event of events) pieces = afterEvents(pieces, [event]);
  expect(pieces).toEqual(once);
  expect(afterEvents(once, events.slice(3))).toBe(once);
});

test('what is open when a run is cancelled has failed', () => {
  const cut = afterEvents(EMPTY_RUN, [
    ...events.slice(0, 8),
    ...log({ type: 'run.cancelled' }).map((end) => ({ ...end, seq: 9 })),
  ]);
  expect(answerOf(cut, model)).toMatchObject({ text: 'the whole word', state: 'failed' });
});
