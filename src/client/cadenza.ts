import type {
  Bill,
  ListRuns,
  PatternInput,
  PatternName,
  PatternResult,
  RunEvent,
  RunInfo,
  RunOptions,
  RunPage,
  Timeline,
} from '../contract/index.ts';

/** What a backend service does with runs. Every method throws a `CadenzaError` (see errors.ts) a person can act on. */
export interface Cadenza {
  /** Starts a run, or returns the one that already has this id. Bad input throws before anything is started. */
  start<Name extends PatternName>(
    pattern: Name,
    input: PatternInput<Name>,
    options?: StartOptions,
  ): Promise<StartedRun<Name>>;
  /** The same for a pattern whose name and input come from outside (JSON). */
  startUnchecked(pattern: string, input: unknown, options?: StartOptions): Promise<StartedRun>;
  /** Waits for the result. @throws CadenzaError if the run failed or was cancelled */
  result(id: string): Promise<unknown>;
  /** The outcome so far, waiting for it at most so long. */
  outcome(id: string, waitSeconds?: number): Promise<Outcome>;
  /** Every event after the cursor (a `seq`, 0 for all), live, each once; ends after the run's last one. Reconnects by itself. */
  events(id: string, options?: { after?: number; signal?: AbortSignal }): AsyncIterable<RunEvent>;
  show(id: string): Promise<RunInfo>;
  list(query?: ListRuns): Promise<RunPage>;
  bill(id: string): Promise<Bill>;
  timeline(id: string): Promise<Timeline>;
  /** Asks the run to stop; its calls in flight are aborted. */
  cancel(id: string): Promise<void>;
  /** Throws if Temporal or the store cannot be reached. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

export interface StartOptions extends RunOptions {
  /** the workflow id; given twice, the second start returns the first run */
  id?: string;
}

export interface StartedRun<Name extends PatternName = PatternName> {
  id: string;
  pattern: string;
  /** false when a run with this id was there already */
  isNew: boolean;
  result(): Promise<PatternResult<Name>>;
  events(options?: { after?: number; signal?: AbortSignal }): AsyncIterable<RunEvent>;
}

export type Outcome =
  | { status: 'running' }
  | { status: 'completed'; result: unknown }
  | { status: 'failed' | 'cancelled'; error: import('../contract/index.ts').CallError };
