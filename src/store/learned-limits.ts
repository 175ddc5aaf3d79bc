import { type Kysely, sql } from 'kysely';
import type { Log, ScopeLimits } from '../contract/index.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';
import { storableJson } from './storable-json.ts';
import { createToldRows } from './told-rows.ts';

/** What a provider told of a scope's limits, and what it has counted. */
export interface ToldLimits {
  scope: string;
  limits: ScopeLimits;
  used: { requests?: number; inputTokens?: number; outputTokens?: number };
  /** ms until it has forgotten that */
  resetMs: number;
}

/** Limits that providers told of late, known to every process. */
export interface LearnedLimits {
  of(scope: string): ScopeLimits | undefined;
  keep(told: ToldLimits): Promise<void>;
}

export interface LearnedLimitsHere extends LearnedLimits {
  /** a notification of `cadenza_learned` */
  onNotification(payload: string): void;
  refetchAll(): void;
}

/** Without being told again, so long, ms. */
const KEPT_MS = 600_000;

interface Learned {
  limits: ScopeLimits;
  /** by `performance.now()` */
  until: number;
}

function learned(limits: ScopeLimits, keptMs: number): Learned {
  return { limits, until: performance.now() + keptMs };
}

export function createLearnedLimits(db: Kysely<Database>, log: Log): LearnedLimitsHere {
  const known = createToldRows<Learned>();

  function of(scope: string): ScopeLimits | undefined {
    const found = known.get(scope);
    return found && found.until > performance.now() ? found.limits : undefined;
  }

  async function readAll(): Promise<[scope: string, limits: Learned][]> {
    const { rows } = await sql<{ scope: string; limits: ScopeLimits; keptMs: number }>`
      select scope, limits, (extract(epoch from expires_at - now()) * 1000)::float8 as "keptMs"
      from learned_limits where expires_at > now()`.execute(db);
    return rows.map(({ scope, limits, keptMs }) => [scope, learned(limits, keptMs)]);
  }

  return {
    of,
    async keep(told) {
      const before = known.get(told.scope);
      const isKnown = before && JSON.stringify(before.limits) === JSON.stringify(told.limits);
      if (isKnown && before.until > performance.now() + KEPT_MS / 2) return;
      // At once, so that this process tells no more than once.
      known.tell(told.scope, learned(told.limits, KEPT_MS));
      const given = storableJson({ ...told, keptMs: KEPT_MS });
      await sql`select ${called('learn_limits')}(${given}::jsonb)`.execute(db);
    },
    onNotification(payload) {
      const [scope, limits, keptMs] = payload.split('\n');
      known.tell(scope!, learned(JSON.parse(limits!), Number(keptMs)));
    },
    refetchAll() {
      known.read(readAll).catch((error) => log.warn({ error: String(error) }, 'Learned limits could not be read'));
    },
  };
}
