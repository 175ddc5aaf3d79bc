import { oneLine, type RunEvent } from '../../contract/index.ts';
import { plainText } from '../output.ts';
import { count, usd } from './numbers.ts';
import { structuredText } from './structured.ts';
import { type CallView, EMPTY_TRANSCRIPT, type Transcript, withEvent } from './transcript.ts';
import { isMarking, verdictText } from './verdicts.ts';

/**
 * Words as they come, for a terminal or a pipe, which both only go on: one call at a time has the floor, others are
 * heard when it has finished. What was said and then taken back is marked as dropped.
 */
export interface Stream {
  transcript: Transcript;
  /** what is on the screen of the call that has the floor */
  floor?: { call: string; epoch: number; length: number };
  /** calls that are on the screen whole */
  written: ReadonlySet<string>;
  /** what the last answer cost: said as soon as anything else is, so that the last answer of all stands last */
  spent?: string;
}

const DROPPED = '\n↻ The text above is dropped.\n';

export const EMPTY_STREAM: Stream = { transcript: EMPTY_TRANSCRIPT, written: new Set() };

/** Patterns of one step, whose answer needs no heading. */
const PLAIN = new Set<string | undefined>([undefined, 'ask', 'conversation']);

/** Patterns whose steps take several calls, and use tools. */
const AT_WORK = new Set<string | undefined>(['agent', 'crew', 'debate', 'plan']);

/** @returns the state after the event, and what is to be written for it */
export function withStreamed(stream: Stream, event: RunEvent): { stream: Stream; written: string } {
  const transcript = withEvent(stream.transcript, event);
  const note = noteOf(event, transcript);
  const next = writeSpeaker({ ...stream, transcript });
  // A note about another call must not land amid a line of this one.
  const breaks = note !== '' && !next.written.endsWith('\n') && (next.stream.floor?.length ?? 0) > 0;
  if (note === '') return next;
  const { spent = '', ...rest } = next.stream;
  return { stream: rest, written: `${next.written}${breaks ? '\n' : ''}${spent}${note}` };
}

function writeSpeaker(stream: Stream): { stream: Stream; written: string } {
  const { transcript, floor, written: done } = stream;
  const speaker = floor
    ? transcript.calls.find(({ call }) => call === floor.call)!
    : transcript.calls.find((call) => !done.has(call.call) && canSpeak(call, transcript));
  if (!speaker) return { stream, written: '' };
  const before = floor ?? { call: speaker.call, epoch: speaker.epoch, length: 0 };
  const anew = speaker.epoch > before.epoch;
  const text = isStructured(speaker, transcript) ? structuredText(speaker.text) : speaker.text;
  const more = text.slice(anew ? 0 : before.length);
  const dropped = before.length > 0 && (anew || speaker.phase === 'failed');
  const written = (floor ? '' : (stream.spent ?? '') + heading(speaker, transcript)) + (dropped ? DROPPED : '') + more;
  if (speaker.phase !== 'done' && speaker.phase !== 'failed') {
    const now = { call: speaker.call, epoch: speaker.epoch, length: speaker.text.length };
    return { stream: { transcript, written: done, floor: now }, written };
  }
  const spent = spentText(speaker, transcript);
  const next = writeSpeaker({ transcript, written: new Set([...done, speaker.call]), spent });
  return { stream: next.stream, written: `${written}${dropped ? '' : '\n'}${next.written}` };
}

function canSpeak(call: CallView, transcript: Transcript): boolean {
  // An answer over documents is JSON with quotes: it is shown once these are checked.
  if (call.text === '' || transcript.pattern === 'answer') return false;
  if (isMarking(call.step) && !isPlanned(call, transcript)) return false;
  return !isStructured(call, transcript) || call.phase === 'done';
}

/** A step of a plan has the name its planner gave it, `rank` too. */
function isPlanned({ step }: CallView, { pattern }: Transcript): boolean {
  return pattern === 'plan' && !step.includes('/');
}

/** What a step answers as JSON is shown when it is whole; of `ask` it is what was asked for. */
function isStructured({ text }: CallView, { pattern }: Transcript): boolean {
  return !PLAIN.has(pattern) && text.trimStart().startsWith('{');
}

/** Who speaks, where more than one call does. */
function heading({ step, model }: CallView, { calls, pattern, agents }: Transcript): string {
  if (PLAIN.has(pattern) && calls.length === 1) return '';
  if (pattern === 'conversation' && step !== 'summary') return '';
  const who = agents[nameOf(step)];
  return `\n── ${[step, ...(who === undefined ? [] : [who]), model].join(' · ')}\n`;
}

/** What the calls of a step have cost so far. */
function spentText({ step }: CallView, { calls, pattern }: Transcript): string {
  if (!AT_WORK.has(pattern)) return '';
  const all = calls.filter((call) => nameOf(call.step) === nameOf(step) && call.usage);
  const sum = (of: (call: CallView) => number) => all.reduce((total, call) => total + of(call), 0);
  const tokens = `${count(sum(({ usage }) => usage!.inputTokens))} + ${count(sum(({ usage }) => usage!.outputTokens))} tokens`;
  const cost = all.some(({ costUsd }) => costUsd === null) ? null : sum(({ costUsd }) => costUsd ?? 0);
  return `  · ${[...(all.length > 1 ? [`${all.length} calls`] : []), tokens, usd(cost)].join(' · ')}\n`;
}

/** `research#2` is the second turn of `research`. */
function nameOf(step: string): string {
  return step.replace(/#\d+$/, '');
}

function noteOf(event: RunEvent, { pattern }: Transcript): string {
  switch (event.type) {
    case 'call.retrying':
      return `↻ ${event.model}: ${event.error.type}, ${sentence(event.error.message)} Trying again${inTime(event.delayMs)}.\n`;
    case 'call.batched':
      return `… ${event.model}: in a batch of ${event.calls === 1 ? 'one call' : `${count(event.calls)} calls`}, answered within a day.\n`;
    case 'call.hedged':
      return `↪ ${event.from} has said nothing after ${event.afterMs} ms. Asking ${event.to} too.\n`;
    case 'guardrail':
      return event.outcome === 'passed' ? '' : `! The guardrail "${event.check}" fired: ${sentence(event.reason)}\n`;
    case 'call.fallback':
      return `↪ ${event.from}: ${event.error.type}, ${sentence(event.error.message)} Asking ${event.to} instead.\n`;
    case 'step.started':
      return event.message ? `\n› ${plainText(event.message.text)}\n` : '';
    case 'message.taken':
      return `\n› ${plainText(event.text)}\n`;
    case 'verdict': {
      const text = verdictText(event.verdict);
      return text && `\n${text}\n`;
    }
    case 'call.toolcall':
      return event.arguments === undefined || AT_WORK.has(pattern)
        ? ''
        : `→ ${event.name}(${JSON.stringify(event.arguments)})\n`;
    case 'tool.started': {
      const who = event.agent === undefined || event.agent === pattern ? '' : `${event.agent}: `;
      return `→ ${who}${event.tool}(${oneLine(plainText(JSON.stringify(event.arguments)), 300)})\n`;
    }
    case 'tool.completed': {
      const { tool, result, error, interrupted } = event;
      const said = interrupted ? 'interrupted' : error ? `✗ ${sentence(error.message)}` : (result ?? '');
      return `← ${tool}: ${oneLine(plainText(said), 200)}\n`;
    }
    case 'documents.found':
      return `⌕ ${plainText(foundText(event.passages))}\n`;
    case 'citations.checked':
      return event.removed.map((problem) => `! Left out: ${plainText(problem)}\n`).join('');
    case 'approval.requested':
      return `? Waits for the approval "${event.approval}": cadenza approve ${event.runId} ${event.approval}\n`;
    case 'approval.resolved': {
      const { approved, expired, by = 'Somebody', comment } = event;
      const said = expired ? 'Nobody answered in time' : `${by} ${approved ? 'approved' : 'said no'}`;
      return `${approved ? '✓' : '✗'} ${plainText(said)}${comment === undefined ? '' : `: ${oneLine(plainText(comment), 300)}`}\n`;
    }
    case 'budget.warning':
      return `! ${event.scope} has spent $${event.spentUsd} of $${event.budgetUsd}.\n`;
    default:
      return '';
  }
}

/** Documents in the order they were found, with how many passages of each. */
function foundText(passages: { source: string }[]): string {
  if (passages.length === 0) return 'No passages: the collection is empty';
  const counts = new Map<string, number>();
  for (const { source } of passages) counts.set(source, (counts.get(source) ?? 0) + 1);
  const sources = [...counts].map(([source, count]) => (count === 1 ? source : `${source} (${count})`));
  return `${passages.length} passages: ${sources.join(', ')}`;
}

function inTime(delayMs: number): string {
  return delayMs < 1_000 ? '' : ` in ${Math.round(delayMs / 1_000)} s`;
}

function sentence(message: string): string {
  return plainText(/[.!?]$/.test(message) ? message : `${message}.`);
}
