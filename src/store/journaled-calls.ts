import type { CallError, ModelRef, ModelReply, RunRef, Usage } from '../contract/index.ts';
import type { RunsAhead } from './runs-ahead.ts';

export interface BeginCall extends JournaledCall {
  /** keys of calls to other models whose answer, where they have one that can be used, is this one's too */
  others?: string[];
  /** the candidate before this one, and why it was left */
  fallback?: { from: ModelRef; error: CallError };
  /**
   * most USD the call may cost: held on the budgets of its payers until it ends; null where it is not known, which no
   * budget allows. A function is asked only if some payer has a budget: counting the tokens of 1 MB takes 9 ms.
   */
  worstCaseUsd: number | null | (() => number | null);
  /** An answer that an equal request has had is this call's too (`cached`); else it is the one that is made for all. */
  shared?: { tenant: string; requestHash: string; models: ModelRef[]; leaseMs: number };
  /** the price of the model is not known, and `worstCaseUsd` a guess */
  unknownPrice?: boolean;
}

export type Begun =
  | { state: 'finished'; reply: ModelReply }
  | { state: 'cached'; reply: ModelReply }
  | OpenCall
  | OverBudget;

export interface OverBudget {
  state: 'overBudget';
  error: CallError;
  /** USD that the payer with the least still has; undefined where the price is not known */
  leftUsd?: number;
}

/** An attempt to be made. `call` and `epoch` belong into its events. */
export interface OpenCall {
  state: 'open';
  epoch: number;
  call: string;
  /** how often the provider failed it before, since it was first asked or last given up */
  failures: number;
  /** those of them that came when part of the answer had been paid for */
  midStreamFailures: number;
  /** no equal request waits for somebody else's answer: this call is made for all */
  claimed?: boolean;
  /** USD held for the call, where some payer has a budget */
  heldUsd?: number;
  /** earlier attempts whose worker was lost in mid-stream, and of which nothing is booked: `book` what they used */
  lost: { epoch: number; streamed: string }[];
}

/** What an attempt used, however it ended. */
export interface Spent {
  usage: Usage;
  /** USD; null where the price is not known, which charges what was held for the call */
  costUsd: number | null;
  /** counted by us from what was streamed, not told by the provider */
  estimated: boolean;
  /** USD that the provider took off for input in its own cache, and for a batch */
  savedUsd?: number | null;
  /** asked in a batch of the provider */
  batched?: boolean;
}

export interface JournaledCall {
  /** the call key: sha256 in hex */
  key: string;
  run: RunRef;
  step: string;
  model: ModelRef;
}

export interface Attempt extends JournaledCall {
  epoch: number;
}

export type AttemptOutcome =
  | {
      /** says what was used, too */
      reply: ModelReply;
      /** USD that the provider took off for input in its own cache, and for a batch */
      savedUsd?: number | null;
      /** readers have not heard it as it came: they are told the text now */
      unheard?: boolean;
      /** the step ends with this call */
      completesStep: boolean;
      /** keep the reply for equal requests of the same tenant */
      cache?: { tenant?: string; requestHash: string; ttlSeconds: number };
    }
  | {
      error: CallError;
      /** ms until the same model is asked again, or `final` if it is not */
      next: { delayMs: number } | 'final';
      /** undefined if the provider was not asked */
      spent?: Spent;
      /** the model that is heard instead */
      by?: ModelRef;
    };

export interface FinishCachedCall extends JournaledCall {
  /** the reply as the cache gave it */
  reply: ModelReply;
  /** default true */
  completesStep?: boolean;
  /** it is the answer of another request, so near to this one */
  nearest?: { similarity: number; of: string };
}

/** The record of calls, by which a finished one is never paid again. */
export interface Journal {
  /**
   * Begins an attempt of a call, and holds its worst case on the budgets of its payers. A finished call gives its reply
   * and writes nothing. An attempt that never ended was lost with its worker: the next epoch says so to readers.
   */
  begin(call: BeginCall): Promise<Begun>;
  /**
   * Ends an attempt, in one transaction: its reply or error, what it used (once for each attempt: bill line, the run's
   * sums, the accounts of all who pay), released money, cache and events. The first reply counts, whichever attempt
   * brings it; an error of an attempt that is not the newest any more changes nothing. What was used is booked anyway.
   * @returns for a reply, the one that counts
   */
  end<Outcome extends AttemptOutcome>(
    attempt: Attempt,
    outcome: Outcome,
  ): Promise<Outcome extends { reply: ModelReply } ? ModelReply : undefined>;
  /**
   * The same for a reply that its run goes on with before it is kept. What is written of the run meanwhile is written with it or
   * after it, and the run's next call begins in its transaction. Where it does not count, another worker has brought a reply
   * and has the run: then nothing is written of what came after, and no call begins.
   * @returns the reply, and when it is written; rejected with what the database refused, which counts as overtaken
   */
  endAhead(
    attempt: Attempt,
    outcome: Extract<AttemptOutcome, { reply: ModelReply }>,
  ): { reply: ModelReply; written: Promise<void> };
  ahead: Pick<RunsAhead, 'isOvertaken' | 'caughtUp' | 'forget'>;
  /** Books what an attempt used that nobody will end, and changes nothing else. */
  book(attempt: Attempt, spent: Spent): Promise<void>;
  /** Attempts of an open call that ended with their workers, as `begin` tells them: for a call that is not begun again. */
  lost(call: Pick<JournaledCall, 'key'>): Promise<OpenCall['lost']>;
  /** How a call ended, if it did: its reply, or the error it was given up with. */
  ended(key: string): Promise<{ reply: ModelReply } | { error: CallError } | undefined>;
  /** Takes over from another run that a call was given up, and tells nobody: nothing was asked. */
  takeFailure(call: JournaledCall & { error: CallError }): Promise<void>;
  /** Finishes a call with a reply that the cache had, at no cost. @returns the reply that counts */
  finishCached(call: FinishCachedCall): Promise<ModelReply>;
}
