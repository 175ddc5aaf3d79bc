import type { CallError, ModelRef, ModelReply, RunRef } from '../contract/index.ts';

export interface BeginCall {
  /** the call key: sha256 in hex */
  key: string;
  run: RunRef;
  step: string;
  model: ModelRef;
  /** the candidate before this one, and why it was left */
  fallback?: { from: ModelRef; error: CallError };
  /**
   * most USD the call may cost: held on the budgets of its payers until it ends; null where it is not known, which no
   * budget allows. A function is asked only if some payer has a budget: counting the tokens of 1 MB takes 9 ms.
   */
  worstCaseUsd: number | null | (() => number | null);
  /** the price of the model is not known, and `worstCaseUsd` a guess */
  unknownPrice?: boolean;
  /** further accounts that pay, such as `key:...`, beside the run's and its tenant's */
  accounts?: string[];
}

export type Begun = { state: 'finished'; reply: ModelReply } | OpenCall | { state: 'overBudget'; error: CallError };

/** An attempt to be made. `call` and `epoch` belong into its events. */
export interface OpenCall {
  state: 'open';
  epoch: number;
  call: string;
  /** how often the provider failed it before, since it was first asked or last given up */
  failures: number;
  /** those of them that came when part of the answer had been paid for */
  midStreamFailures: number;
}

export interface AbandonCall extends EndedCall {
  model: ModelRef;
  epoch: number;
  /** the model that is heard instead */
  by: ModelRef;
  /** what was asked and said so far, with its estimated usage; undefined if the provider was not asked */
  partial: ModelReply | undefined;
}

export interface EndedCall {
  key: string;
  run: RunRef;
  step: string;
}

export interface FailCall extends EndedCall {
  epoch: number;
  error: CallError;
  /** ms until the same model is asked again, or `final` if it is not */
  next: { delayMs: number } | 'final';
}

export interface FinishCall extends EndedCall {
  epoch: number;
  reply: ModelReply;
  /** the step ends with this call */
  completesStep: boolean;
  /** keep the reply for equal requests of the same tenant */
  cache?: { tenant?: string; requestHash: string; ttlSeconds: number };
}

export interface FinishCachedCall extends EndedCall {
  model: ModelRef;
  /** the reply as the cache gave it */
  reply: ModelReply;
  /** default true */
  completesStep?: boolean;
}

/** The record of calls, by which a finished one is never paid again. */
export interface Journal {
  /**
   * Begins an attempt of a call, and holds its worst case on the budgets of its payers. A finished call gives its reply
   * and writes nothing. An attempt that never ended was lost with its worker: the next epoch says so to readers.
   */
  begin(call: BeginCall): Promise<Begun>;
  /** How a call ended, if it did: its reply, or the error it was given up with. */
  ended(key: string): Promise<{ reply: ModelReply } | { error: CallError } | undefined>;
  /** Takes over from another run that a call was given up, and tells nobody: nothing was asked. */
  takeFailure(call: EndedCall & { model: ModelRef; error: CallError }): Promise<void>;
  /** Ends an attempt without a reply. One that is not the newest any more changes nothing. */
  fail(call: FailCall): Promise<void>;
  /**
   * Reply, bill line, released money, cache and last events in one transaction. The first reply wins.
   * @returns the reply that counts
   */
  finish(call: FinishCall): Promise<ModelReply>;
  /** Ends an attempt that nobody waits for any more, and bills what it went through: the call itself stays unanswered. */
  abandon(call: AbandonCall): Promise<void>;
  /** Finishes a call with a reply that the cache had, at no cost. @returns the reply that counts */
  finishCached(call: FinishCachedCall): Promise<ModelReply>;
}
