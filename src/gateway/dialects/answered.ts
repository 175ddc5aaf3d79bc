import type { CallError, FinishReason, RunEvent, Usage } from '../../contract/index.ts';
import { listenTo, type Said } from './said.ts';

/** A run's answer, as every dialect tells it. */
export interface Answered {
  model: string;
  text: string;
  reasoning: string;
  toolCalls: { id: string; name: string; input: string }[];
  finishReason: FinishReason;
  usage: Usage;
  /** of the whole run; null where a price is not known */
  costUsd: number | null;
}

/** Each event alone, what the log gives at once, or all of the run. */
export type Pace = 'events' | 'pages' | 'end';

/** A run of which one answer is wanted. */
export interface AnswerOfRun {
  pages: AsyncIterable<RunEvent[]>;
  /** whose words are the answer; undefined where only the run's result is */
  step?: string;
  /** its words may not be used before the run has ended: they are checked then */
  holds: boolean;
  /** how much is taken together: whoever comes late is spared the words of attempts that were lost before */
  pace: Pace;
  /** the text is to be JSON */
  isJson: boolean;
  /** the run's result, where its events do not hold the answer */
  result(): Promise<Omit<Answered, 'costUsd'>>;
}

export type Piece =
  | { type: 'begin'; model?: string }
  | { type: 'reasoning'; text: string }
  | { type: 'text'; text: string }
  /** `index` counts the tool calls of the answer, from 0 */
  | { type: 'tool'; index: number; id: string; name: string }
  | { type: 'toolInput'; index: number; text: string }
  | { type: 'end'; answer: Answered };

/** Thrown where a run has no answer. */
export class NotAnswered extends Error {
  readonly error: CallError;

  constructor(error: CallError) {
    super(error.message);
    this.error = error;
  }
}

/** The whole answer, once the run has ended. @throws NotAnswered */
export async function wholeAnswer(run: AnswerOfRun): Promise<Answered> {
  const listener = listenTo(run.step ?? '');
  for await (const page of run.pages) {
    for (const event of page) {
      listener.take(event);
      const ended = endOf(event, listener.said);
      if (ended) return finished(run, listener.said, ended);
    }
  }
  throw new NotAnswered(CUT);
}

/**
 * The same as it comes, a list a page of events. What was sent cannot be taken back: where another attempt says the same
 * again, only what is new of it is sent; where it says something else, the stream ends with an error.
 * @throws NotAnswered
 */
export async function* answerInPieces(run: AnswerOfRun): AsyncGenerator<Piece[]> {
  const listener = listenTo(run.step ?? '');
  const sent = { text: '', reasoning: '', tools: [] as { id: string; name: string; input: string }[] };
  let begun = false;
  const pieces: Piece[] = [];

  for await (const page of run.pages) {
    for (const event of page) {
      listener.take(event);
      const ended = endOf(event, listener.said);
      if (!ended) {
        if (run.pace === 'events') sendSaid();
        continue;
      }
      const answer = await finished(run, listener.said, ended);
      send(answer.reasoning, answer.text, answer.toolCalls, true);
      const toolCalls = answer.toolCalls.map((call, index) => ({ ...call, id: sent.tools[index]?.id ?? call.id }));
      yield [...pieces, { type: 'end', answer: { ...answer, toolCalls } }];
      return;
    }
    if (run.pace === 'pages') sendSaid();
    if (pieces.length > 0) yield pieces.splice(0);
  }
  throw new NotAnswered(CUT);

  function sendSaid(): void {
    const { text, reasoning, tools } = listener.said;
    if (!run.holds) send(reasoning, text, tools, false);
  }

  function send(reasoning: string, text: string, tools: Answered['toolCalls'], isEnd: boolean): void {
    // Thoughts are no part of the answer: those of another attempt are left out.
    if (reasoning.length > sent.reasoning.length && reasoning.startsWith(sent.reasoning)) {
      push({ type: 'reasoning', text: reasoning.slice(sent.reasoning.length) });
      sent.reasoning = reasoning;
    }
    const more = rest(sent.text, text, isEnd);
    if (more !== '') push({ type: 'text', text: more });
    sent.text += more;
    if (isEnd && tools.length < sent.tools.length) throw new NotAnswered(BEGUN_ANEW);
    for (const [index, { id, name, input }] of tools.entries()) {
      const known = sent.tools[index] ?? { id, name, input: '' };
      if (known.name !== name) throw new NotAnswered(BEGUN_ANEW);
      if (!sent.tools[index]) push({ type: 'tool', index, id, name });
      sent.tools[index] = known;
      const further = rest(known.input, input, isEnd);
      if (further !== '') push({ type: 'toolInput', index, text: further });
      known.input += further;
    }
  }

  function push(piece: Piece): void {
    if (!begun) pieces.push({ type: 'begin', model: listener.said.model });
    begun = true;
    pieces.push(piece);
  }
}

/** What of a text is not sent yet. @throws NotAnswered where it is another text than was begun */
function rest(sent: string, now: string, isEnd: boolean): string {
  if (now.length >= sent.length && now.startsWith(sent)) return now.slice(sent.length);
  if (!isEnd && sent.startsWith(now)) return '';
  throw new NotAnswered(BEGUN_ANEW);
}

const BEGUN_ANEW: CallError = {
  type: 'ConnectionLost',
  message: 'The answer broke off and was begun anew with other words.',
  hint: 'Repeat the request: with an Idempotency-Key it is not paid again.',
};

const CUT: CallError = {
  type: 'Unavailable',
  message: 'The gateway stopped before the answer was whole.',
  hint: 'Repeat the request: with an Idempotency-Key it is not paid again.',
};

type Ended = { costUsd: number | null } | { refused: FinishReason };

/** @throws NotAnswered */
function endOf(event: RunEvent, { completed }: Said): Ended | undefined {
  if (event.type === 'run.completed') return { costUsd: event.costUsd };
  if (event.type === 'run.cancelled') {
    throw new NotAnswered(event.error ?? { type: 'Cancelled', message: 'The run was cancelled.' });
  }
  if (event.type !== 'run.failed') return undefined;
  // To clients that the model would not answer is an answer.
  const reason = completed?.finishReason;
  if (reason === 'contentFilter' || reason === 'refusal') return { refused: reason };
  throw new NotAnswered(event.error);
}

async function finished(run: AnswerOfRun, said: Said, ended: Ended): Promise<Answered> {
  const { completed, text, reasoning, tools } = said;
  const costUsd = withoutNoise('costUsd' in ended ? ended.costUsd : (completed?.costUsd ?? null));
  const isHere = completed !== undefined && completed.invalid === undefined && !run.holds;
  const isUsable = isHere && (!run.isJson || tools.length > 0 || isJson(text));
  if (!isUsable && !('refused' in ended)) return { ...(await run.result()), reasoning, costUsd };
  const { model, usage, finishReason } = completed!;
  return { model, text, reasoning, toolCalls: tools, usage, finishReason, costUsd };
}

/** Sums of binary fractions end in noise: a dollar has twelve digits here. */
function withoutNoise(usd: number | null): number | null {
  return usd === null ? null : Number(usd.toFixed(12));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
