import { type Kysely, sql } from 'kysely';
import type { Replay, ToolDone, ToolUnfinished } from '../contract/index.ts';
import type { Database } from './database.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';

export interface JournaledToolCall {
  /** sha256 in hex: the run's chain, the agent's step, turn, the model's id of the call, and its arguments */
  key: string;
  chain: string;
  step: string;
  tool: string;
  replay: Replay;
  /** tells a repetition of one request from another attempt */
  holder: string;
  /** it waited for a person, whose answer it goes on with */
  resumes?: boolean;
}

export type BegunTool =
  /** it is this attempt's to make */
  | { state: 'open'; attempt: number }
  /** it waits, for what an earlier attempt said */
  | { state: 'waiting'; unfinished: ToolUnfinished }
  /** it ended before, and so */
  | { state: 'finished'; outcome: ToolDone }
  /** an attempt was lost, and the call may not be made again */
  | { state: 'interrupted'; outcome?: ToolDone };

/** The record of tool calls, by which a finished one is never made again, and an unsafe one at most once. */
export interface ToolJournal {
  /** Begins an attempt. An unsafe call that an earlier attempt left open is interrupted from then on. */
  begin(call: JournaledToolCall): Promise<BegunTool>;
  /** Whether the call was ever begun. */
  isKnown(key: string): Promise<boolean>;
  /** How the call ended, if it did. */
  ended(key: string): Promise<ToolDone | undefined>;
  /** The attempt ended in `unfinished`: a further one is told so, and begins only to resume it. */
  wait(key: string, holder: string, unfinished: ToolUnfinished): Promise<void>;
  /** Ends a call that is open or waits. The first outcome counts. @returns the one that does */
  end(key: string, outcome: ToolDone): Promise<ToolDone>;
}

export function createToolJournal(db: Kysely<Database>, { whole }: Sealing): ToolJournal {
  return {
    async begin({ key, chain, step, tool, replay, holder, resumes = false }) {
      const goesOn = sql`(c.state = 'open' or (c.state = 'waiting' and ${resumes}))`;
      // One statement, so that of two attempts at once one sees the other.
      const { rows } = await sql<{
        state: string;
        attempts: number;
        outcome: ToolDone | null;
        unfinished: ToolUnfinished | null;
      }>`
        insert into tool_calls as c (key, chain, step, tool, state, holder)
        values (${key}, ${chain}, ${step}, ${tool}, 'open', ${holder})
        on conflict (key) do update set
          attempts = c.attempts + case when ${goesOn} and c.holder <> excluded.holder then 1 else 0 end,
          state = case when c.state = 'open' and c.holder <> excluded.holder and ${replay} = 'unsafe' then 'interrupted'
            when ${goesOn} then 'open' else c.state end,
          holder = case when ${goesOn} then excluded.holder else c.holder end
        returning state, attempts, outcome, unfinished`.execute(db);
      const { state, attempts, outcome, unfinished } = rows[0]!;
      if (state === 'waiting') return { state, unfinished: unfinished! };
      if (state === 'finished') return { state, outcome: outcome! };
      if (state === 'interrupted') return { state, outcome: outcome ?? undefined };
      return { state: 'open', attempt: attempts };
    },
    async isKnown(key) {
      const row = await db.selectFrom('tool_calls').select('key').where('key', '=', key).executeTakeFirst();
      return row !== undefined;
    },
    async ended(key) {
      const row = await db.selectFrom('tool_calls').select('outcome').where('key', '=', key).executeTakeFirst();
      return row?.outcome ?? undefined;
    },
    async wait(key, holder, unfinished) {
      await db
        .updateTable('tool_calls')
        .set({ state: 'waiting', unfinished: storableJson(whole(unfinished)) })
        .where('key', '=', key)
        .where('holder', '=', holder)
        .where('state', '=', 'open')
        .execute();
    },
    async end(key, outcome) {
      const { rows } = await sql<{ outcome: ToolDone }>`
        update tool_calls set ended_at = coalesce(ended_at, clock_timestamp()),
          outcome = coalesce(outcome, ${storableJson(whole(outcome))}::jsonb),
          state = case when state = 'interrupted' then state else 'finished' end
        where key = ${key} returning outcome`.execute(db);
      return rows[0]?.outcome ?? outcome;
    },
  };
}
