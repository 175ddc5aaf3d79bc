import type {
  Answer,
  ApprovalDecision,
  ApprovalReceipt,
  AuditPage,
  AuditQuery,
  Bill,
  Caller,
  ForkEstimate,
  ForkRun,
  ListRuns,
  ListSteps,
  ModelRef,
  PatternInput,
  PatternName,
  PatternResult,
  PendingApproval,
  RunEvent,
  RunInfo,
  RunInput,
  RunPage,
  Spend,
  SpendQuery,
  TakenByRun,
  Timeline,
  ToolResultInput,
  VotedRun,
  VotedRunsQuery,
  Votes,
  WirePayload,
} from '../contract/index.ts';
import type { OpenWork } from '../telemetry/index.ts';
import type { Baselines } from './baselines.ts';
import type { Budgets } from './budgets.ts';
import type { StartOptions } from './check-start.ts';
import type { MapData } from './data-sets.ts';
import type { FollowedRun } from './follow-run.ts';
import type { Keys } from './keys.ts';
import type { Models } from './models.ts';
import type { Schedules } from './schedules.ts';

/** What a backend service does with runs. Every method throws a `CadenzaError` (see errors.ts) a person can act on. */
export interface Cadenza extends MapData {
  /** Starts a run, or returns the one that already has this id; a map that was stopped goes on under its id. Bad input throws before anything is started. */
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
  /** The same by pages, for who passes them on: what was written together comes together. */
  follow(id: string, options?: { after?: number; signal?: AbortSignal }): Promise<FollowedRun>;
  show(id: string): Promise<RunInfo>;
  list(query?: ListRuns): Promise<RunPage>;
  /** What a run was started with, as Temporal keeps it. @throws CadenzaError InvalidRequest once that is forgotten */
  input(id: string): Promise<RunInput>;
  bill(id: string): Promise<Bill>;
  /** What was spent over some days by all runs, the last 30 days by day unless asked otherwise. */
  spend(query?: SpendQuery): Promise<Spend>;
  /** Steps and attempts, at most 1,000 steps a page. */
  timeline(id: string, query?: ListSteps): Promise<Timeline>;
  /** Asks the run to stop; its calls in flight are aborted. */
  cancel(id: string): Promise<void>;
  /** Starts a run that is the old one up to a step, whose answers it has for free, and asks anew from there on.
   *  With `dryRun`, only says what that would cost. */
  fork(id: string, options: ForkRun & { dryRun: true }): Promise<ForkEstimate>;
  fork(id: string, options: ForkRun & { dryRun?: false }): Promise<StartedRun>;
  fork(id: string, options: ForkRun): Promise<StartedRun | ForkEstimate>;
  /** Gives a conversation its next message, and waits for the answer. Messages sent at once are answered one after the
   *  other. @throws CadenzaError NotAnswered, Conflict once the conversation has ended */
  send(id: string, text: string, options?: SendOptions): Promise<Answer>;
  /** The same without waiting: resolves once a worker has taken the message, whose answer then comes whatever dies. */
  say(id: string, text: string, options?: SendOptions): Promise<SentMessage>;
  /** Ends a conversation, once the messages it has are answered. */
  end(id: string): Promise<void>;
  /** The approvals a run waits for; without an id, those of all running runs, longest waiting first. */
  approvals(id?: string): Promise<PendingApproval[]>;
  /** Answers an approval. @throws CadenzaError NotFound for one the run has not asked for, Conflict once it is resolved */
  approve(
    id: string,
    approval: string,
    decision: ApprovalDecision,
    /** whom the answerer was found to be (`key:<name>`, `role:<name>`, a name): counts instead of the decision's `by`, and of
     *  whose client this is */
    identities?: string[],
  ): Promise<ApprovalReceipt>;
  /** Gives an agent a message, which it reads at its next turn. @throws CadenzaError Conflict once the run has ended */
  steer(id: string, text: string, options?: Pick<SendOptions, 'id'>): Promise<TakenByRun>;
  /** Stops a run: an agent ends with what it has, any other run is cancelled. What is in flight is aborted.
   *  @param step a model of a comparison, or the turn of a conversation: only this one, which then has the error `Cancelled` */
  stop(id: string, step?: string): Promise<void>;
  /** Gives the result of a tool that the client runs: its id is that of `tool.started`. */
  toolResult(id: string, toolCall: string, given: ToolResultInput): Promise<TakenByRun>;
  /** Which answer of a comparison people found best. @param voter whose vote is told as `yours` */
  votes(id: string, voter?: string): Promise<Votes>;
  /** Says which answer is best; null takes that back. One vote a voter. @throws CadenzaError InvalidRequest */
  vote(id: string, best: ModelRef | null, voter?: string): Promise<Votes>;
  /** Comparisons that people voted on, newest first. */
  votedRuns(query?: VotedRunsQuery): Promise<VotedRun[]>;
  models: Models;
  baselines: Baselines;
  schedules: Schedules;
  budgets: Budgets;
  keys: Keys;
  /** Who approved, cancelled, stopped and forked, and changed budgets and keys, newest first. */
  audit(query?: AuditQuery): Promise<AuditPage>;
  /** Payloads of Temporal's as its UI and CLI show them: opened, and fetched where they are references. They do not say
   *  whose they are, hence for nobody with a tenant. @throws CadenzaError Forbidden, InvalidRequest */
  decodePayloads(payloads: WirePayload[]): Promise<WirePayload[]>;
  /**
   * The same client for somebody else, over the same connection. With a tenant it knows only what is the tenant's: another's
   * runs, schedules, data sets and accounts are not found, whatever starts here is the tenant's, and its ids and names begin
   * with `<tenant>:`, which may be left out in asking. Runs it starts are booked on the caller's key. Nothing is asked of
   * `role`: who may do what is the gateway's to know.
   */
  as(caller: Caller): Cadenza;
  /** What is open: runs by pattern, approvals, and for the operator what waits at providers. For monitoring; it tells no run apart. */
  openWork(): Promise<OpenWork>;
  /** Throws if Temporal or the store cannot be reached. */
  ready(): Promise<void>;
  close(): Promise<void>;
}

export interface StartedRun<Name extends PatternName = PatternName> {
  id: string;
  pattern: string;
  /** false when a run with this id was there already */
  isNew: boolean;
  /** see `RunInfo` */
  activityRunId?: string;
  result(): Promise<PatternResult<Name>>;
  events(options?: { after?: number; signal?: AbortSignal }): AsyncIterable<RunEvent>;
}

export interface SendOptions {
  /** names the message: sent again under the same id it is answered as before, and not asked again */
  id?: string;
  /** where its events are read from (a `seq`), else from now on */
  after?: number;
}

export interface SentMessage {
  id: string;
  /** its events have a `seq` above this */
  after: number;
  answer(): Promise<Answer>;
  /** The events of the turn that answers it, live; ends after `step.completed` or `step.failed`. */
  events(options?: { signal?: AbortSignal }): AsyncIterable<RunEvent>;
}

export type Outcome =
  | { status: 'running' }
  | { status: 'completed'; result: unknown }
  | { status: 'failed' | 'cancelled'; error: import('../contract/index.ts').CallError };
