import type { RunEvent } from '../../contract/index.ts';
import { plainText } from '../output.ts';
import { type CallView, EMPTY, follow, type Transcript } from './transcript.ts';

/**
 * Words as they come, for a terminal or a pipe, which both only go on: one call at a time has the floor, others are
 * heard when it has finished. What was said and then taken back is marked as dropped.
 */
export interface Words {
  transcript: Transcript;
  /** what is on the screen of the call that has the floor */
  floor?: { call: string; epoch: number; length: number };
  heard: ReadonlySet<string>;
}

const DROPPED = '\n↻ The text above is dropped.\n';

export const SILENCE: Words = { transcript: EMPTY, heard: new Set() };

/** @returns the state after the event, and what is to be written for it */
export function hear(words: Words, event: RunEvent): { words: Words; written: string } {
  const transcript = follow(words.transcript, event);
  const note = noteOf(event);
  const said = sayFloor({ ...words, transcript });
  // A note about another call must not land amid a line of this one.
  const breaks = note !== '' && !said.written.endsWith('\n') && (said.words.floor?.length ?? 0) > 0;
  return { words: said.words, written: said.written + (breaks ? '\n' : '') + note };
}

function sayFloor(words: Words): { words: Words; written: string } {
  const { transcript, floor, heard } = words;
  const speaker = floor
    ? transcript.calls.find(({ call }) => call === floor.call)!
    : transcript.calls.find(({ call, text }) => !heard.has(call) && text !== '');
  if (!speaker) return { words, written: '' };
  const before = floor ?? { call: speaker.call, epoch: speaker.epoch, length: 0 };
  const anew = speaker.epoch > before.epoch;
  const more = speaker.text.slice(anew ? 0 : before.length);
  const dropped = before.length > 0 && (anew || speaker.phase === 'failed');
  const written = (floor ? '' : heading(speaker, transcript)) + (dropped ? DROPPED : '') + more;
  if (speaker.phase !== 'done' && speaker.phase !== 'failed') {
    const now = { call: speaker.call, epoch: speaker.epoch, length: speaker.text.length };
    return { words: { transcript, heard, floor: now }, written };
  }
  const next = sayFloor({ transcript, heard: new Set([...heard, speaker.call]) });
  return { words: next.words, written: `${written}${dropped ? '' : '\n'}${next.written}` };
}

/** Who speaks, where more than one call does. */
function heading({ step, model }: CallView, { calls }: Transcript): string {
  return calls.length > 1 ? `\n── ${step} · ${model}\n` : '';
}

function noteOf(event: RunEvent): string {
  switch (event.type) {
    case 'call.retrying':
      return `↻ ${event.model}: ${event.error.type}, ${sentence(event.error.message)} Trying again${inTime(event.delayMs)}.\n`;
    case 'call.hedged':
      return `↪ ${event.from} has said nothing after ${event.afterMs} ms. Asking ${event.to} too.\n`;
    case 'guardrail':
      return event.outcome === 'passed' ? '' : `! The guardrail "${event.check}" fired: ${sentence(event.reason)}\n`;
    case 'call.fallback':
      return `↪ ${event.from}: ${event.error.type}, ${sentence(event.error.message)} Asking ${event.to} instead.\n`;
    case 'call.toolcall':
      return `→ ${event.name}(${JSON.stringify(event.arguments)})\n`;
    case 'approval.requested':
      return `? Waits for the approval "${event.approval}": cadenza approve ${event.runId} ${event.approval}\n`;
    case 'budget.warning':
      return `! ${event.scope} has spent $${event.spentUsd} of $${event.budgetUsd}.\n`;
    default:
      return '';
  }
}

function inTime(delayMs: number): string {
  return delayMs < 1_000 ? '' : ` in ${Math.round(delayMs / 1_000)} s`;
}

function sentence(message: string): string {
  return plainText(/[.!?]$/.test(message) ? message : `${message}.`);
}
