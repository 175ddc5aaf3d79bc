import type { RunEvent } from '../../contract/index.ts';
import { EMPTY_TRANSCRIPT, type Transcript, withEvent } from './transcript.ts';
import { isMarking } from './verdicts.ts';

/** Answers of several models for a pipe: whole lines, each with its model. */
export interface Lines {
  transcript: Transcript;
  /** by call: the attempt, and how many of its characters are written */
  written: ReadonlyMap<string, { epoch: number; length: number }>;
}

export const NO_LINES: Lines = { transcript: EMPTY_TRANSCRIPT, written: new Map() };

/** @returns the state after the event, and the lines that are now whole */
export function withLines(lines: Lines, event: RunEvent): { lines: Lines; whole: string[] } {
  const transcript = withEvent(lines.transcript, event);
  const view = transcript.calls.find(({ call }) => call === event.call);
  if (!view || isMarking(view.step)) return { lines: { ...lines, transcript }, whole: [] };
  const before = lines.written.get(view.call) ?? { epoch: view.epoch, length: 0 };
  const anew = view.epoch > before.epoch;
  const from = anew ? 0 : before.length;
  const ended = view.phase === 'done' || view.phase === 'failed';
  const until = ended ? view.text.length : view.text.lastIndexOf('\n') + 1;
  const fresh = until > from ? view.text.slice(from, until).replace(/\n$/, '').split('\n') : [];
  const dropped = anew && before.length > 0 ? ['↻ the lines above are dropped'] : [];
  const retry = event.type === 'call.retrying' ? [`↻ ${event.error.type}, ${event.error.message}`] : [];
  const name = view.step.includes(view.model) || view.step === '' ? view.model : `${view.step} ${view.model}`;
  const written = new Map(lines.written).set(view.call, { epoch: view.epoch, length: Math.max(from, until) });
  const whole = [...dropped, ...retry, ...fresh].map((line) => `[${name}] ${line}`);
  return { lines: { transcript, written }, whole };
}
