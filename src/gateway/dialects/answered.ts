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

/** A run of which one answer is wanted. */
export interface AnswerOfRun {
  pages: AsyncIterable<RunEvent[]>;
  /** whose words are the answer; undefined where only the run's result is */
  step?: string;
  /** its words may not be used before the run has ended: they are checked then */
  holds: boolean;
  /** it had ended before it was read: it is told at once, without the words of attempts that were lost */
  isOver: boolean;
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
  /** nothing of what was said so far holds; `error` is for whoever has heard of it */
  | { type: 'takenBack'; error: CallError }
  | { type: 'end'; answer: Answered };

export type Holding = Exclude<Piece, { type: 'takenBack' }>;

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
 * The same as it comes, a list what the log gives at once. The pieces of a run are the same ones whenever it is read. Where
 * another attempt says the same again, only what is new of it is a piece; where it says something else, all before is
 * taken back.
 * @throws NotAnswered
 */
export async function* answerInPieces(run: AnswerOfRun): AsyncGenerator<Piece[]> {
  const listener = listenTo(run.step ?? '');
  let sent: Saying = { text: '', reasoning: '', tools: [] };
  let begun = false;
  const pieces: Piece[] = [];

  try {
    for await (const page of run.pages) {
      for (const event of page) {
        listener.take(event);
        const ended = endOf(event, listener.said);
        if (!ended) {
          if (!run.holds) say(listener.said, false);
          continue;
        }
        const answer = await finished(run, listener.said, ended);
        say({ ...answer, tools: answer.toolCalls }, true);
        const toolCalls = answer.toolCalls.map((call, index) => ({ ...call, id: sent.tools[index]?.id ?? call.id }));
        yield [...pieces, { type: 'end', answer: { ...answer, toolCalls } }];
        return;
      }
      if (!run.isOver && pieces.length > 0) yield pieces.splice(0);
    }
    throw new NotAnswered(CUT);
  } catch (thrown) {
    if (thrown instanceof NotAnswered && pieces.length > 0) {
      yield [...pieces, { type: 'takenBack', error: thrown.error }];
    }
    throw thrown;
  }

  function say(now: Saying, isEnd: boolean): void {
    if (contradicts(sent, now, isEnd)) {
      pieces.push({ type: 'takenBack', error: BEGUN_ANEW });
      sent = { text: '', reasoning: '', tools: [] };
      begun = false;
    }
    // Thoughts are no part of the answer: those of another attempt are left out.
    if (now.reasoning.startsWith(sent.reasoning)) {
      const more = now.reasoning.slice(sent.reasoning.length);
      if (more !== '') push({ type: 'reasoning', text: more });
      sent.reasoning = now.reasoning;
    }
    const more = now.text.slice(sent.text.length);
    if (more !== '') push({ type: 'text', text: more });
    sent.text += more;
    for (const [index, { id, name, input }] of now.tools.entries()) {
      if (!sent.tools[index]) push({ type: 'tool', index, id, name });
      sent.tools[index] ??= { id, name, input: '' };
      const further = input.slice(sent.tools[index].input.length);
      if (further !== '') push({ type: 'toolInput', index, text: further });
      sent.tools[index].input += further;
    }
  }

  function push(piece: Piece): void {
    if (!begun) pieces.push({ type: 'begin', model: listener.said.model });
    begun = true;
    pieces.push(piece);
  }
}

/** What holds of it, as far as nobody has heard what was taken back. @throws NotAnswered where somebody has */
export async function* unlessTakenBack(pages: AsyncIterable<Piece[]>): AsyncGenerator<Holding[]> {
  let isHeard = false;
  for await (const page of pages) {
    const holding: Holding[] = [];
    for (const piece of page) {
      if (piece.type !== 'takenBack') holding.push(piece);
      else if (isHeard) throw new NotAnswered(piece.error);
      else holding.length = 0;
    }
    if (holding.length === 0) continue;
    isHeard = true;
    yield holding;
  }
}

interface Saying {
  text: string;
  reasoning: string;
  tools: { id: string; name: string; input: string }[];
}

/** Whether it is another answer than the one that was begun. */
function contradicts(sent: Saying, now: Saying, isEnd: boolean): boolean {
  const differs = (one: string, other: string) => !(other.startsWith(one) || (!isEnd && one.startsWith(other)));
  if (differs(sent.text, now.text) || (isEnd && now.tools.length < sent.tools.length)) return true;
  return now.tools.some(({ name, input }, index) => {
    const known = sent.tools[index];
    return known !== undefined && (known.name !== name || differs(known.input, input));
  });
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
