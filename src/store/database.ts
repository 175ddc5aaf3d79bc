import type { ColumnType, Generated, GeneratedAlways } from 'kysely';
import type {
  Answer,
  Baseline,
  BatchedCall,
  CallError,
  EventType,
  MapDefinition,
  MapItemStatus,
  Message,
  ModelReply,
  Role,
  RunStatus,
  ToolDone,
  ToolUnfinished,
} from '../contract/index.ts';

/** numeric: read as text, so that no digit is lost on the way */
type Money = ColumnType<string, string | number, string | number>;
type Json<Value> = ColumnType<Value, string, string>;

/** What a document was ingested as. */
export type DocumentKind = 'file' | 'url' | 'text';

export interface Database {
  runs: {
    chain: string;
    id: string;
    pattern: string;
    tenant: string | null;
    metadata: Json<Record<string, unknown>> | null;
    budget_usd: Money | null;
    key_name: string | null;
    status: Generated<RunStatus>;
    /** number of the newest event */
    seq: Generated<number>;
    started_at: Date;
    ended_at: Date | null;
    error: Json<CallError> | null;
    models: Generated<string[]>;
    calls: Generated<number>;
    cost_usd: Money;
    /** finished calls whose price is not known */
    unpriced: Generated<number>;
    above: Generated<string[]>;
    /** see contract/prompt-hash.ts */
    prompt_hash: string | null;
    /** by voter: the model whose answer was best */
    votes: Json<Record<string, string>> | null;
    /** how much is forgotten: 1 text as it streamed, 2 events, 3 calls */
    pruned: Generated<number>;
  };
  events: {
    chain: string;
    seq: number;
    at: Date;
    type: EventType;
    step: string | null;
    call: string | null;
    epoch: number | null;
    key: string | null;
    data: Json<Record<string, unknown>>;
  };
  claims: { id: string; chain: string; at: Generated<Date> };
  writers: { id: string; batch: Generated<number>; results: Json<unknown> | null; at: Generated<Date> };
  calls: {
    key: string;
    chain: string;
    step: string;
    model: string;
    state: 'open' | 'retrying' | 'failed' | 'finished';
    epoch: number;
    failures: Generated<number>;
    mid_stream_failures: Generated<number>;
    holder: string | null;
    reply: Json<ModelReply> | null;
    error: Json<CallError> | null;
    cached: Generated<boolean>;
    started_at: Date;
    ended_at: Date | null;
  };
  ledger: {
    key: string;
    epoch: number;
    n: GeneratedAlways<number>;
    chain: string;
    tenant: string | null;
    key_name: string | null;
    step: string;
    model: string;
    input_tokens: number;
    output_tokens: number;
    cached_input_tokens: number | null;
    cache_write_tokens: number | null;
    reasoning_tokens: number | null;
    cost_usd: Money | null;
    /** what caches saved: see migrations/0005-spend.sql */
    saved_usd: Money | null;
    cached: boolean;
    estimated: Generated<boolean>;
    /** asked in a batch of the provider, at its price */
    batch: Generated<boolean>;
    at: Date;
  };
  background_answers: { key: string; chain: string; model: string; id: string; at: Generated<Date> };
  batch_calls: {
    key: string;
    chain: string;
    epoch: number;
    provider: string;
    model: string;
    lane: string;
    tenant: string;
    request_hash: string;
    asked: Json<BatchedCall> | null;
    bytes: number;
    state: Generated<'waiting' | 'batched' | 'answered' | 'returned' | 'failed' | 'dropped'>;
    error: Json<CallError> | null;
    batch: string | null;
    n: number | null;
    added_at: Generated<Date>;
    ended_at: Date | null;
  };
  batches: {
    id: string;
    provider: string;
    model: string;
    lane: string;
    calls: number;
    state: Generated<'new' | 'sent' | 'ended'>;
    remote_id: string | null;
    maybe: Generated<string[]>;
    sending_at: Date | null;
    sent_at: Date | null;
    ended_at: Date | null;
    cancelled: Generated<boolean>;
    error: Json<CallError> | null;
    look_at: Generated<Date>;
    holder: string | null;
    lease_until: Date | null;
    made_at: Generated<Date>;
  };
  batch_support: { provider: string; is_there: boolean; known_until: Date };
  accounts: {
    id: string;
    budget_usd: Money | null;
    spent_usd: ColumnType<string, never, string>;
    reserved_usd: ColumnType<string, never, string>;
    warned: Generated<boolean>;
  };
  reservations: { call_key: string; chain: string; amount: Money; accounts: string[]; at: Generated<Date> };
  cache: {
    tenant: string;
    request_hash: string;
    model: string;
    reply: Json<ModelReply>;
    cost_usd: Money | null;
    expires_at: Date;
  };
  prompts: {
    id: GeneratedAlways<number>;
    tenant: string;
    frame: string;
    request_hash: string;
    vector: number[];
    expires_at: Date;
  };
  flights: {
    tenant: string;
    request_hash: string;
    model: string;
    holder: string;
    lease_until: Date;
    failed_error: Json<CallError> | null;
    failed_at: Date | null;
  };
  tool_calls: {
    key: string;
    chain: string;
    step: string;
    tool: string;
    state: 'open' | 'waiting' | 'finished' | 'interrupted';
    holder: string;
    attempts: Generated<number>;
    outcome: Json<ToolDone> | null;
    unfinished: Json<ToolUnfinished> | null;
    started_at: Generated<Date>;
    ended_at: Date | null;
  };
  run_files: {
    chain: string;
    name: string;
    hash: string;
    size: number;
    media_type: string;
    at: Generated<Date>;
  };
  data_sets: {
    id: string;
    count: number | null;
    fields: string[] | null;
    hash: string | null;
    /** '' where there are no tenants */
    tenant: Generated<string>;
    /** chain of the map whose results the rows are */
    map: string | null;
    created_at: Generated<Date>;
  };
  data_rows: { data_set: string; row: number; item: Json<unknown> };
  maps: {
    chain: string;
    run: string;
    source: string;
    definition: Json<MapDefinition>;
    total: number;
    /** rows whose answer is an earlier map's */
    taken: number;
    done: number;
    failed: Generated<number>;
    runs_cost_usd: Generated<string>;
    opened_at: Generated<Date>;
    reported_at: Generated<Date>;
  };
  map_rows: {
    chain: string;
    row: number;
    turn: number | null;
    status: MapItemStatus;
    answer: Json<unknown> | null;
    error: Json<CallError> | null;
  };
  collections: {
    id: GeneratedAlways<number>;
    tenant: string;
    name: string;
    embeddings: string;
    version: Generated<number>;
    created_at: Generated<Date>;
  };
  /** see migrations/0011-evaluations.sql */
  baselines: {
    tenant: string;
    name: string;
    baseline: Json<Baseline>;
    saved_at: Generated<Date>;
  };
  documents: {
    id: GeneratedAlways<number>;
    collection: number;
    source: string;
    kind: DocumentKind;
    hash: string;
    title: string | null;
    language: string;
    /** all its chunks have their vectors */
    ready: Generated<boolean>;
    at: Generated<Date>;
  };
  chunks: {
    id: GeneratedAlways<number>;
    collection: number;
    document: number;
    n: number;
    text: string;
    heading: string | null;
    page: number | null;
    span_start: number;
    span_end: number;
    line_from: number;
    line_to: number;
    hash: string;
    vector: number[] | null;
    search: string;
  };
  ingests: {
    chain: string;
    collection: number;
    chunk_tokens: number;
    overlap_tokens: number;
    total: number;
    folders: string[];
    removed: number | null;
    reported_at: Generated<Date>;
  };
  ingest_items: {
    chain: string;
    n: number;
    source: string;
    kind: DocumentKind;
    content: Json<{ text: string; type: string }> | null;
    status: Generated<'waiting' | 'done' | 'skipped' | 'failed'>;
    attempts: Generated<number>;
    document: number | null;
    chunks: Generated<number>;
    error: Json<CallError> | null;
  };
  api_keys: {
    name: string;
    hash: Buffer;
    old_hash: Buffer | null;
    old_until: Date | null;
    label: string | null;
    tenant: string | null;
    role: Role;
    models: string[] | null;
    patterns: string[] | null;
    requests_per_minute: number | null;
    created_at: Generated<Date>;
    last_used_at: Date | null;
    expires_at: Date | null;
    revoked_at: Date | null;
  };
  audit: {
    n: GeneratedAlways<number>;
    id: string;
    at: Generated<Date>;
    actor: string;
    role: string;
    tenant: string | null;
    via: string;
    address: string | null;
    action: string;
    subject: string;
    details: Json<Record<string, unknown>>;
    refused: string | null;
  };
  /** beside it, limiters, limit_uses and limit_holders are the functions' own */
  limit_tickets: { key: string; provider: string; priority: number; admitted_at: Date | null; since: Generated<Date> };
  circuits: { scope: string; failures: number; down_since: Date | null };
  sealing: { id: Generated<boolean>; hash_key: string; since: Generated<Date> };
  key_rates: { name: string; full_at: Date };
  blobs: { hash: string; bytes: Buffer; used_at: Generated<Date> };
  run_refs: { run: string; hash: string };
  messages: { hash: string; message: Json<Message>; tokens: number; used_at: Generated<Date> };
  transcripts: {
    id: string;
    line: number;
    hash: string;
    key: string | null;
    answer: Json<Omit<Answer, 'text'>> | null;
    at: Generated<Date>;
  };
}
