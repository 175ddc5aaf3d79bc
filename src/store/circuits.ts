import { type Kysely, sql } from 'kysely';
import type { CallError, Log } from '../contract/index.ts';
import type { Database } from './database.ts';
import { called } from './functions.ts';
import type { Sealing } from './sealing.ts';
import { storableJson } from './storable-json.ts';
import type { TicketHolder } from './ticket-holder.ts';
import { createToldRows } from './told-rows.ts';

/** When circuits open, and for how long, ms. */
export interface CircuitRules {
  failures: number;
  withinMs: number;
  restMs: number;
}

/** Why a call is not made. */
export interface OpenCircuit {
  scope: string;
  failures: number;
  /** of the failure last seen */
  error: CallError;
  /** ms since 1970 */
  downSince: number;
  /** ms until it is worth while to ask again */
  retryAfterMs: number;
}

/**
 * Providers and models that failed of late. Every process knows how each stands, by notifications: a call to one that is well
 * costs no question.
 */
export interface Circuits {
  /** The one that is open, of a call's provider and model. Where its rest is over, the first call that comes is let through. */
  pass(scopes: string[], key: string, probeMs: number): Promise<OpenCircuit | undefined>;
  /** The same without letting anybody through. */
  find(scopes: string[]): OpenCircuit | undefined;
  failed(failure: { scope: string; key: string; error: CallError; rules: CircuitRules }): Promise<void>;
  succeeded(scopes: string[], key: string, rules: CircuitRules): Promise<void>;
  /** A probe ended without an answer to the question. */
  abandon(scopes: string[], key: string): Promise<void>;
}

export interface CircuitsHere extends Circuits {
  /** a notification of `cadenza_circuits` */
  onNotification(payload: string): void;
  refetchAll(): void;
}

interface Known {
  failures: number;
  error: CallError;
  /** undefined: closed, and counting */
  downSince?: string | null;
  /** by `performance.now()` */
  opensAt: number;
}

type ToldState = Omit<Known, 'opensAt'> & { opensInMs: number | null };

function fromNow({ opensInMs, ...state }: ToldState): Known {
  return { ...state, opensAt: performance.now() + (opensInMs ?? 0) };
}

/** Others look again so long after a probe was under way, ms. */
const PROBED_FOR_MS = 2_000;

export function createCircuits(
  db: Kysely<Database>,
  holder: TicketHolder,
  log: Log,
  { fields, parse }: Sealing,
): CircuitsHere {
  const known = createToldRows<Known>();
  const probes = new Map<string, () => void>();

  async function readAll(): Promise<[scope: string, state: Known][]> {
    const { rows } = await sql<{ scope: string; state: ToldState }>`
      select scope, jsonb_build_object('failures', failures, 'error', error, 'downSince', down_since,
        'opensInMs', ceil(extract(epoch from opens_at - clock_timestamp()) * 1000)) as state
      from circuits`.execute(db);
    return rows.map(({ scope, state }) => [scope, fromNow(state)]);
  }

  function openOf(scope: string, retryAfterMs: number): OpenCircuit {
    const { failures, error, downSince } = known.get(scope)!;
    return {
      scope,
      failures,
      error,
      downSince: Date.parse(downSince!),
      retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)),
    };
  }

  function find(scopes: string[]): OpenCircuit | undefined {
    const now = performance.now();
    const scope = scopes.find((one) => known.get(one)?.downSince && known.get(one)!.opensAt > now);
    return scope === undefined ? undefined : openOf(scope, known.get(scope)!.opensAt - now);
  }

  async function claim(scope: string, key: string, probeMs: number): Promise<boolean> {
    const { rows } = await sql<{ mine: boolean }>`select ${called('claim_probe')}(
      ${scope}, ${key}, ${probeMs}::float8, ${holder.name}, ${holder.leaseMs}::float8) as mine`.execute(db);
    return rows[0]!.mine;
  }

  function endProbe(key: string): void {
    probes.get(key)?.();
    probes.delete(key);
  }

  return {
    find,
    async pass(scopes, key, probeMs) {
      const open = find(scopes);
      if (open) return open;
      for (const scope of scopes.filter((one) => known.get(one)?.downSince)) {
        if (!(await claim(scope, key, probeMs))) {
          // it may have been closed meanwhile
          if (known.get(scope)?.downSince) return find([scope]) ?? openOf(scope, PROBED_FOR_MS);
        } else if (!probes.has(key)) probes.set(key, holder.hold());
      }
      return undefined;
    },
    async failed({ scope, key, error, rules }) {
      endProbe(key);
      const { retryAfterMs: namedMs } = error;
      const given = storableJson({ scope, key, error: fields(error), namedMs, ...rules });
      await sql`select ${called('count_failure')}(${given}::jsonb)`.execute(db);
    },
    async succeeded(scopes, key, { withinMs }) {
      endProbe(key);
      for (const scope of scopes.filter((one) => known.has(one))) {
        await sql`select ${called('count_success')}(${scope}, ${key}, ${withinMs}::float8)`.execute(db);
      }
    },
    async abandon(scopes, key) {
      if (!probes.has(key)) return;
      endProbe(key);
      await sql`update circuits set probe = null, probe_holder = null, probe_until = null
        where scope = any (${scopes}::text[]) and probe = ${key}`.execute(db);
    },
    onNotification(payload) {
      const at = payload.indexOf('\n');
      const told = payload.slice(at + 1);
      known.tell(payload.slice(0, at), told === '' ? undefined : fromNow(parse(told) as ToldState));
    },
    refetchAll() {
      known.read(readAll).catch((error) => log.warn({ error: String(error) }, 'How circuits stand could not be read'));
    },
  };
}
