import type { RunEvent } from '../../contract/index.ts';
import { EMPTY, follow, type Transcript } from './transcript.ts';

/** Answers of several models for a pipe: whole lines, each with its model. */
export interface Lines {
  transcript: Transcript;
  /** by call: the attempt, and how many of its characters are written */
  written: ReadonlyMap<string, { epoch: number; length: number }>;
}

export const NO_LINES: Lines = { transcript: EMPTY, written: new Map() };

/** @returns the state after the event, and the lines that are now whole */
export function addLines(lines: Lines, event: RunEvent): { lines: Lines; whole: string[] } {
  const transcript = follow(lines.transcript, event);
  const view = transcript.calls.find(({ call }) => call === event.call);
  if (!view) return { lines: { ...lines, transcript }, whole: [] };
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
