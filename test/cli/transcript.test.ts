import { expect, test } from '@jest/globals';
import { NO_LINES, withLines } from '../../src/cli/views/plain-lines.ts';
import { EMPTY_STREAM, withStreamed } from '../../src/cli/views/stream.ts';
import { EMPTY_TRANSCRIPT, withEvent } from '../../src/cli/views/transcript.ts';
import type { NewEvent, RunEvent } from '../../src/contract/index.ts';

const overloaded = { type: 'Overloaded', message: 'openai/x is overloaded.' } as const;
const usage = { inputTokens: 1, outputTokens: 2 };
const call = (name: string, epoch = 1, step = name) => ({ call: name, epoch, step });

const started = (name: string, epoch = 1): NewEvent => ({
  type: 'call.started',
  model: `m/${name}`,
  ...call(name, epoch),
});
const delta = (name: string, text: string, epoch = 1): NewEvent => ({ type: 'call.delta', text, ...call(name, epoch) });
const retrying = (name: string, epoch: number, delayMs = 0): NewEvent => ({
  ...{ type: 'call.retrying', model: `m/${name}`, error: overloaded, delayMs },
  ...call(name, epoch),
});
const completed = (name: string, epoch = 1): NewEvent => ({
  ...{ type: 'call.completed', model: `m/${name}`, usage, costUsd: 0.5, finishReason: 'stop' },
  ...call(name, epoch),
});

function numbered(events: NewEvent[]): RunEvent[] {
  const at = (n: number) => new Date(n * 100).toISOString();
  return events.map((event, n) => ({ runId: 'r1', seq: n + 1, at: at(n), ...event }) as RunEvent);
}

const transcriptOf = (...events: NewEvent[]) => numbered(events).reduce(withEvent, EMPTY_TRANSCRIPT);

function spoken(...events: NewEvent[]): string {
  let stream = EMPTY_STREAM;
  let all = '';
  for (const event of numbered(events)) {
    const next = withStreamed(stream, event);
    stream = next.stream;
    all += next.written;
  }
  return all;
}

function linesOf(...events: NewEvent[]): string[] {
  let lines = NO_LINES;
  return numbered(events).flatMap((event) => {
    const next = withLines(lines, event);
    lines = next.lines;
    return next.whole;
  });
}

test('the text of an attempt that failed is dropped when the epoch rises', () => {
  const { calls } = transcriptOf(
    started('a'),
    delta('a', 'Half an'),
    retrying('a', 2),
    started('a', 2),
    delta('a', 'Whole', 2),
  );
  expect(calls).toMatchObject([{ text: 'Whole', epoch: 2, phase: 'writing', model: 'm/a' }]);
});

test('a word of an older attempt that comes late is not shown', () => {
  const { calls } = transcriptOf(started('a'), delta('a', 'Whole', 2), delta('a', 'late', 1));
  expect(calls).toMatchObject([{ text: 'Whole', epoch: 2 }]);
});

test('a call knows its first token, its tokens and its cost', () => {
  const { calls } = transcriptOf(started('a'), delta('a', 'x'), completed('a'));
  expect(calls).toMatchObject([{ phase: 'done', firstTokenMs: 100, usage, costUsd: 0.5 }]);
});

test('a model that was left for another is marked as failed', () => {
  const { calls } = transcriptOf(
    { type: 'call.started', model: 'm/a', ...call('1', 1, 'ask') },
    { type: 'call.fallback', from: 'm/a', to: 'm/b', error: overloaded, ...call('2', 1, 'ask') },
    { type: 'call.started', model: 'm/b', ...call('2', 1, 'ask') },
  );
  expect(calls).toMatchObject([
    { model: 'm/a', phase: 'failed', error: overloaded },
    { model: 'm/b', phase: 'waiting' },
  ]);
});

test('control characters of a model do not reach the terminal', () => {
  expect(spoken(started('a'), delta('a', '\u001b[2Jcle\u0007ar\u009b31m\r\n'), completed('a'))).toBe('[2Jclear31m\n\n');
});

test('words come as they are said', () => {
  expect(spoken(started('a'), delta('a', 'They '), delta('a', 'bend.'), completed('a'))).toBe('They bend.\n');
});

test('words that are taken back are marked as dropped before the new ones come', () => {
  const said = spoken(
    started('a'),
    delta('a', 'Half an'),
    retrying('a', 2, 3_000),
    delta('a', 'Whole', 2),
    completed('a', 2),
  );
  expect(said).toBe(
    'Half an\n↻ The text above is dropped.\n↻ m/a: Overloaded, openai/x is overloaded. Trying again in 3 s.\nWhole\n',
  );
});

test('an attempt lost with its worker is marked too, though nothing says why', () => {
  expect(spoken(started('a'), delta('a', 'Half'), started('a', 2), delta('a', 'Whole', 2), completed('a', 2))).toBe(
    'Half\n↻ The text above is dropped.\nWhole\n',
  );
});

test('of two calls at once each is heard whole, one after the other', () => {
  const said = spoken(
    ...[started('a'), started('b'), delta('a', 'A1 '), delta('b', 'B1 '), delta('a', 'A2'), delta('b', 'B2')],
    ...[completed('b'), completed('a')],
  );
  expect(said).toBe('\n── a · m/a\nA1 A2\n\n── b · m/b\nB1 B2\n');
});

test('in a pipe every line is whole and bears its model', () => {
  const lines = linesOf(
    ...[started('a'), started('b'), delta('a', 'one\ntw'), delta('b', 'eins'), delta('a', 'o\n\nthree')],
    ...[completed('a'), completed('b')],
  );
  expect(lines).toEqual(['[a m/a] one', '[a m/a] two', '[a m/a] ', '[a m/a] three', '[b m/b] eins']);
});

test('in a pipe lines that are taken back are marked', () => {
  const lines = linesOf(started('a'), delta('a', 'one\ntw'), retrying('a', 2), delta('a', 'uno', 2), completed('a', 2));
  expect(lines).toEqual([
    '[a m/a] one',
    '[a m/a] ↻ the lines above are dropped',
    '[a m/a] ↻ Overloaded, openai/x is overloaded.',
    '[a m/a] uno',
  ]);
});

test('a crew is told task by task: who speaks, with which tools, and what it cost', () => {
  const said = spoken(
    { type: 'run.started', pattern: 'crew' },
    { type: 'step.started', step: 'look', agent: 'scout' },
    ...[started('look'), completed('look')],
    { type: 'tool.started', step: 'look/search', agent: 'scout', tool: 'search', arguments: { query: 'oxbow' } },
    { type: 'tool.completed', step: 'look/search', tool: 'search', result: 'three\nlakes' },
    { ...started('b'), step: 'look#2' },
    { ...delta('b', 'Three lakes.'), step: 'look#2' },
    { ...completed('b'), step: 'look#2' },
    { type: 'step.started', step: 'note', agent: 'clerk' },
    ...[started('note'), delta('note', 'Noted.'), completed('note')],
    { type: 'run.completed', costUsd: 1.5 },
  );
  expect(said).toBe(
    '→ scout: search({"query":"oxbow"})\n← search: three lakes\n' +
      '\n── look#2 · scout · m/b\nThree lakes.\n  · 2 calls · 2 + 4 tokens · $1.00\n' +
      '\n── note · clerk · m/note\nNoted.\n',
  );
});
