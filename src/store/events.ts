import { type Kysely, sql } from 'kysely';
import type { CallError, NewEvent, RunEvent, RunRef } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Followers, FollowOptions } from './event-followers.ts';
import { toRunEvent } from './event-rows.ts';
import type { EventWriter } from './event-writer.ts';

export interface EventLog {
  /** Resolves when the events are committed, however long that takes: awaiting it holds back who streams too fast. */
  append(run: RunRef, events: NewEvent[]): Promise<void>;
  /** The same for events a run has only once: one whose key it already has is left out.
   *  @returns where the run ends with them, what is booked for it, USD */
  record(run: RunRef, events: (NewEvent & { key: string })[]): Promise<number | undefined>;
  /** Where the newest turn of a conversation that answers the message begins. */
  startOfTurn(chain: string, message: string): Promise<number | undefined>;
  /** When a step began, and ended, by the log. */
  timesOf(chain: string, step: string): Promise<{ startedAt?: Date; endedAt?: Date }>;
  /** How steps ended that failed while their run went on, by their ids. */
  failuresOf(chain: string): Promise<Record<string, CallError>>;
  /** When a run ended, and which of its steps were under way then. */
  endOf(chain: string): Promise<{ endedAt?: Date; open: { step: string; startedAt: Date }[] }>;
  /** A run is about to begin here, and somebody is about to follow it: until then what it says is kept in memory. @param chain of nobody else */
  expect(chain: string): void;
  /** Events of a run with a `seq` above `after`, in order. @param chain first-execution run id */
  read(chain: string, after: number, limit: number): Promise<RunEvent[]>;
  /**
   * Every event of the newest run of this workflow id, live, each once and in order. Ends after the last event of an
   * ended run, or when the signal aborts. Waits for a run that is not there yet. A reader that stops for a while holds
   * nothing in memory but a page.
   */
  follow(id: string, options?: FollowOptions): AsyncIterable<RunEvent>;
  /** The same by what is there at once: one page for each flush, or for what was written before. */
  followPages(id: string, options?: FollowOptions): AsyncIterable<RunEvent[]>;
}

/** Key of events a step has only once: `stepKey('step.started', 'research')`. */
export function stepKey(type: 'step.started' | 'step.completed', step: string): string {
  return `${type}:${step}`;
}

export function createEventLog(db: Kysely<Database>, writer: EventWriter, followers: Followers): EventLog {
  return {
    async append(run, events) {
      await writer.write({ run, events });
    },
    async record(run, events) {
      return (await writer.write({ run, events }))?.costUsd;
    },
    async startOfTurn(chain, message) {
      const row = await db
        .selectFrom('events')
        .select('seq')
        .where('chain', '=', chain)
        // literal: the partial index serves only what it can see
        .where(sql<boolean>`type in ('step.started', 'step.completed', 'call.retrying', 'call.fallback')`)
        .where('type', '=', 'step.started')
        .where(sql<boolean>`data->'message'->>'id' = ${message}`)
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.seq;
    },
    async timesOf(chain, step) {
      const keys = ['started', 'completed', 'failed'].map((what) => `step.${what}:${step}`);
      const rows = await db
        .selectFrom('events')
        .select(['type', 'at'])
        .where('chain', '=', chain)
        .where('key', 'in', keys)
        .execute();
      const started = rows.find(({ type }) => type === 'step.started');
      return { startedAt: started?.at, endedAt: rows.find((row) => row !== started)?.at };
    },
    async failuresOf(chain) {
      const rows = await db
        .selectFrom('events as e')
        .leftJoin('events as completed', (join) =>
          join.onRef('completed.chain', '=', 'e.chain').on(sql<boolean>`completed.key = 'step.completed:' || e.step`),
        )
        .select(['e.step', sql<CallError>`e.data->'error'`.as('error')])
        .where('e.chain', '=', chain)
        // literal: the partial index serves only what it can see
        .where(sql<boolean>`e.type = 'step.failed'`)
        // Where a person has had it asked again, it has a result.
        .where('completed.seq', 'is', null)
        .execute();
      return Object.fromEntries(rows.map(({ step, error }) => [step!, error]));
    },
    async endOf(chain) {
      const run = await db.selectFrom('runs').select('ended_at').where('chain', '=', chain).executeTakeFirst();
      const open = await db
        .selectFrom('events as e')
        .leftJoin('events as ended', (join) =>
          join
            .onRef('ended.chain', '=', 'e.chain')
            .on(sql<boolean>`ended.key in ('step.completed:' || e.step, 'step.failed:' || e.step)`),
        )
        .select(['e.step', 'e.at'])
        .where('e.chain', '=', chain)
        // literal: the partial index serves only what it can see
        .where(sql<boolean>`e.type = 'step.started'`)
        .where('ended.seq', 'is', null)
        .execute();
      return {
        endedAt: run?.ended_at ?? undefined,
        open: open.map(({ step, at }) => ({ step: step!, startedAt: at })),
      };
    },
    async read(chain, after, limit) {
      const rows = await db
        .selectFrom('events')
        .innerJoin('runs', 'runs.chain', 'events.chain')
        .select(['events.chain', 'events.seq', 'at', 'type', 'step', 'call', 'epoch', 'data', 'runs.id as runId'])
        .where('events.chain', '=', chain)
        .where('events.seq', '>', after)
        .orderBy('events.seq')
        .limit(limit)
        .execute();
      return rows.map((row) => toRunEvent(row, row.runId));
    },
    async *follow(id, options) {
      for await (const page of followers.followPages(id, options)) yield* page;
    },
    expect: followers.expect,
    followPages: followers.followPages,
  };
}
