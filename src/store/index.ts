export type { ApiKeys, VerifiedKey } from './api-keys.ts';
export type { Approvals, StoredApproval } from './approvals.ts';
export type { Audit, NewAuditEntry } from './audit.ts';
export type { Batches, DueBatch } from './batches.ts';
export type { Blobs } from './blobs.ts';
export type { Cache, Claim, Flight, Held, Waited } from './cache.ts';
export type { BatchStanding, CallOfBatch } from './calls-of-batches.ts';
export { type Cipher, UnreadableError } from './cipher.ts';
export type { CircuitRules, OpenCircuit } from './circuits.ts';
export type { DataSets } from './data-sets.ts';
export type { Database, DocumentKind } from './database.ts';
export type { Documents, NewChunk } from './documents.ts';
export type { FollowOptions } from './event-followers.ts';
export { type EventLog, stepKey } from './events.ts';
export type { IngestItem, Ingests, StoredIngest, WaitingItem } from './ingests.ts';
export type {
  Attempt,
  AttemptOutcome,
  BeginCall,
  Begun,
  FinishCachedCall,
  Journal,
  OpenCall,
  Spent,
} from './journaled-calls.ts';
export { type JudgedRun, judgedRuns } from './judged-runs.ts';
export type { Account, AccountId, Ledger } from './ledger.ts';
export type { LimitWait, Ticket, TicketRequest } from './limits.ts';
export type { MapRowEnd, Maps, StoredMap } from './maps.ts';
export { type OpenStore, openStore, type Store } from './open-store.ts';
export { isStoreError } from './outage.ts';
export type { Passages } from './passages.ts';
export type { StopReason } from './processes.ts';
export type { Prompts } from './prompts.ts';
export type { RetentionAges } from './prune-rows.ts';
export type { PrunedRows, Retention, TableSize } from './retention.ts';
export { decidedBefore, type ModelStatistics, modelStatistics } from './route-statistics.ts';
export { isRunCursor, type Runs, type StoredRun, type StoredStep } from './runs.ts';
export type { LineSize, NewLine, Transcripts } from './transcripts.ts';
