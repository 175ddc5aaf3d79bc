import { type Kysely, sql } from 'kysely';
import { type Counted, PRIORITY_KEYS, type RunPriority, type ScopeLimits } from '../contract/index.ts';
import type { Database } from './database.ts';

/** What is used of a scope's limits now. */
export interface LimitUse {
  scope: string;
  limits: ScopeLimits;
  used: Record<Counted, number>;
  inFlight: number;
}

/** Calls that wait at a provider. */
export interface WaitingCalls {
  provider: string;
  priority: RunPriority;
  calls: number;
  /** how long the one that waits longest has, ms */
  longestMs: number;
}

/** A circuit that is open, as metrics and people see it. */
export interface CircuitState {
  /** a provider or model */
  scope: string;
  /** `halfOpen`: the next call finds out */
  state: 'open' | 'halfOpen';
  failures: number;
  /** ISO */
  downSince: string;
  /** until one call finds out, ms */
  opensInMs: number;
  error: string;
}

/** How limits and circuits stand, for people and metrics. */
export interface LimitReadings {
  use(): Promise<LimitUse[]>;
  waiting(): Promise<WaitingCalls[]>;
  /** Those that are not closed. */
  circuits(): Promise<CircuitState[]>;
}

export function createLimitReadings(db: Kysely<Database>): LimitReadings {
  return {
    async use() {
      const { rows } = await sql<LimitUse & { used: Record<Counted, string> }>`
        select l.scope, l.limits, l.in_flight as "inFlight", jsonb_build_object('requests', coalesce(sum(u.requests), 0),
          'inputTokens', coalesce(sum(u.input_tokens), 0), 'outputTokens', coalesce(sum(u.output_tokens), 0) + l.expected_output,
          'tokens', coalesce(sum(u.input_tokens + u.output_tokens), 0) + l.expected_output) as used
        from limiters l left join limit_uses u on u.scope = l.scope and u.until > clock_timestamp()
        where l.limits ? 'windowMs' group by l.scope order by l.scope`.execute(db);
      return rows;
    },
    async waiting() {
      const { rows } = await sql<{ provider: string; priority: number; calls: number; longestMs: number }>`
        select provider, priority, count(*)::integer as calls,
          (extract(epoch from clock_timestamp() - min(since)) * 1000)::float8 as "longestMs"
        from limit_tickets where admitted_at is null group by provider, priority order by provider, priority`.execute(
        db,
      );
      return rows.map((row) => ({
        ...row,
        priority: row.priority <= PRIORITY_KEYS.interactive ? ('interactive' as const) : ('batch' as const),
        longestMs: Math.round(row.longestMs),
      }));
    },
    async circuits() {
      const { rows } = await sql<CircuitState>`
        select scope, case when opens_at > clock_timestamp() then 'open' else 'halfOpen' end as state, failures,
          to_char(down_since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as "downSince",
          greatest(0, extract(epoch from opens_at - clock_timestamp()) * 1000)::integer as "opensInMs",
          error->'message' as error
        from circuits where down_since is not null order by scope`.execute(db);
      return rows;
    },
  };
}
