import type { RunRef } from './calls.ts';
import type { Message } from './messages.ts';
import type { Answer } from './models.ts';

/** Where a transcript is: its first `length` lines, which never change, and the window of them that is sent. */
export interface TranscriptPlace {
  id: string;
  length: number;
  /** the first line of the window */
  from: number;
}

/** A message the store has, known by its hash. `tokens`: estimated. */
export interface KeptMessage {
  hash: string;
  tokens: number;
}

/** A message that waits for its answer. */
export interface NextTurn {
  place: TranscriptPlace;
  step: string;
  message: { id: string; text: string };
  /** estimated tokens that go with every request: instructions, pinned facts, summary */
  fixedTokens: number;
  /** estimated tokens a whole request may have */
  limit: number;
}

export type TurnPlan =
  /** the message came before, and this is how it was answered */
  | { answered: Answer }
  /** the window, and estimated tokens of the whole request */
  | { from: number; tokens: number }
  /** the message does not fit, though nothing else of the transcript goes with it */
  | { tooLong: number };

/** A turn that is over. */
export interface FinishedTurn {
  place: TranscriptPlace;
  message: { id: string; text: string };
  answer: Answer;
  /** of which lines a summary is due, and when */
  summary?: SummaryRule;
}

export interface SummaryRule {
  /** lines before this one are in the summary already */
  from: number;
  /** estimated tokens of lines without a summary above which one is made */
  whenOverTokens: number;
  /** newest turns that are left as they are */
  keepTurns: number;
  /** estimated tokens of lines that one request can take */
  room: number;
}

/** Lines that are due: those before `to`, or one turn so long that no request can take it. */
export type SummaryDue = { to: number; tooLong?: true };

/** What a conversation needs of its transcript. All of them may be repeated: what is there already is not written again. */
export interface TranscriptActivities {
  /** Keeps messages, so that requests can name them by hash. */
  keepMessages(messages: Message[]): Promise<KeptMessage[]>;
  /** Says what of the transcript goes with the next message, and tells readers that its turn begins. */
  planTurn(run: RunRef, turn: NextTurn): Promise<TurnPlan>;
  /** Appends a message and its answer, both or none. @returns the id they are under: a new one where a reset of the run
   *  had the old one go on differently */
  appendTurn(turn: FinishedTurn): Promise<{ id: string; due?: SummaryDue }>;
}
