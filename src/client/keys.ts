import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  type ApiKey,
  type Caller,
  CreateKey,
  durationMs,
  KEY_PREFIX,
  type NewApiKey,
  ownName,
  RotateKey,
  withoutUndefined,
} from '../contract/index.ts';
import type { Store, VerifiedKey } from '../store/index.ts';
import { auditedBy } from './audited.ts';
import { type CadenzaError, checked, refusal } from './errors.ts';

/** API keys: made, listed and revoked here, and known again by their SHA-256 alone. To a client with a tenant there are only
 *  the tenant's, whose names begin with `<tenant>:`, which may be left out in asking. */
export interface Keys {
  /** @returns the key with its secret, which is shown this once. @throws CadenzaError Conflict for a name that was used before */
  create(key: CreateKey): Promise<NewApiKey>;
  list(): Promise<ApiKey[]>;
  /** Whether any key holds now. */
  any(): Promise<boolean>;
  /** Gives a key another secret; the old one holds for a while too. @throws CadenzaError NotFound, also for one that was revoked */
  rotate(name: string, options?: RotateKey): Promise<NewApiKey>;
  /** Ends a key, within seconds at all gateways. Runs it started go on. @throws CadenzaError NotFound */
  revoke(name: string): Promise<ApiKey>;
  /** Whose bearer a secret is; undefined for one that does not hold. What was found is remembered for seconds. */
  verify(secret: string): Promise<Caller | undefined>;
  /** Calls back once a key that holds does not any more: it was revoked, or its time is over. @returns what ends watching */
  watch(secret: string, onEnd: () => void): () => void;
  /** Takes one of the requests a key may make a minute, at all gateways together. @returns ms to wait, 0 where it may ask now */
  admit(caller: Caller): Promise<number>;
}

/** A key that somebody has an answer open with. */
interface Watched {
  timer: NodeJS.Timeout;
  ends: Set<() => void>;
}

/** How long a key that was found is not looked up again, ms: so long a revoked one may still be taken. */
const REMEMBERED_MS = 3_000;
const REMEMBERED_AT_MOST = 10_000;
/** As `create` makes them; anything else need not be looked up. */
const SECRET = new RegExp(`^${KEY_PREFIX}[\\w-]{43}$`);

export function createKeys(store: Pick<Store, 'keys' | 'ledger' | 'audit'>): { of(caller: Caller): Keys } {
  const remembered = new Map<string, { until: number; found: Promise<VerifiedKey | undefined> }>();
  const watched = new Map<string, Watched>();

  async function verify(secret: string): Promise<Caller | undefined> {
    if (!SECRET.test(secret)) return undefined;
    const digest = digestOf(secret);
    const found = await lookUp(digest);
    if (!found || !timingSafeEqual(found.digest, digest)) return undefined;
    const { name: key, role, tenant, models, patterns, requestsPerMinute } = found;
    return withoutUndefined({ role, key, tenant, models, patterns, requestsPerMinute });
  }

  /** One statement for all who ask at once; what is not found is not remembered. */
  async function lookUp(digest: Buffer): Promise<VerifiedKey | undefined> {
    const id = digest.toString('base64');
    const known = remembered.get(id);
    if (known && known.until > performance.now()) return known.found;
    if (remembered.size >= REMEMBERED_AT_MOST) remembered.clear();
    const found = store.keys.verify(digest);
    const entry = { until: performance.now() + REMEMBERED_MS, found };
    remembered.set(id, entry);
    const forget = () => remembered.get(id) === entry && remembered.delete(id);
    found.then((key) => key ?? forget(), forget);
    return found;
  }

  /** One look at a key for all who watch it, as often as for one who asks with it. */
  function watch(secret: string, onEnd: () => void): () => void {
    const { ends } = watched.get(secret) ?? beginWatch(secret);
    ends.add(onEnd);
    return () => {
      ends.delete(onEnd);
      if (ends.size === 0) endWatch(secret);
    };
  }

  function beginWatch(secret: string): Watched {
    const timer = setInterval(() => void look(secret), REMEMBERED_MS);
    timer.unref();
    const begun = { timer, ends: new Set<() => void>() };
    watched.set(secret, begun);
    return begun;
  }

  async function look(secret: string): Promise<void> {
    remembered.delete(digestOf(secret).toString('base64'));
    // While nobody can say whether it holds, it does.
    if (await verify(secret).catch(() => true)) return;
    const { ends } = watched.get(secret) ?? {};
    endWatch(secret);
    for (const end of ends ?? []) end();
  }

  function endWatch(secret: string): void {
    clearInterval(watched.get(secret)?.timer);
    watched.delete(secret);
  }

  function of(caller: Caller): Keys {
    const { tenant } = caller;
    const audited = auditedBy(store, caller);
    async function shown(name: string): Promise<ApiKey> {
      const key = await store.keys.find(ownName(name, tenant), tenant);
      if (!key) throw notFound(name);
      return key;
    }

    return {
      async create(given) {
        const { name: own, budgetUsd, expiresIn, ...key } = checked(CreateKey, given, '');
        const whose = tenant ?? key.tenant;
        const name = ownName(own, whose);
        const secret = KEY_PREFIX + randomBytes(32).toString('base64url');
        const expiresAt = expiresIn === undefined ? undefined : new Date(Date.now() + durationMs(expiresIn));
        const limits = { role: key.role, models: key.models, patterns: key.patterns, expiresIn, budgetUsd };
        const details = { ...limits, requestsPerMinute: key.requestsPerMinute };
        await audited({ action: 'key.create', subject: `key:${name}`, tenant: whose, details }, async () => {
          const made = await store.keys.create({ ...key, name, tenant: whose, hash: digestOf(secret), expiresAt });
          if (made) return;
          const hint = 'Choose another name: one that was used before is not used again, since bills go by it';
          throw refusal('Conflict', `There is a key "${name}" already, or was`, { path: 'name', hint });
        });
        if (budgetUsd !== undefined) await store.ledger.setBudget(`key:${name}`, budgetUsd);
        return { ...(await shown(name)), secret };
      },
      list: () => store.keys.list(tenant),
      any: () => store.keys.any(),
      async rotate(name, options = {}) {
        const { grace } = checked(RotateKey, options, '');
        const secret = KEY_PREFIX + randomBytes(32).toString('base64url');
        const own = ownName(name, tenant);
        await audited({ ...subjectOf(own), action: 'key.rotate', details: { grace } }, async () => {
          const rotated = await store.keys.rotate(own, digestOf(secret), durationMs(grace), tenant);
          if (!rotated) throw notFound(name);
        });
        remembered.clear();
        return { ...(await shown(name)), secret };
      },
      async revoke(name) {
        const own = ownName(name, tenant);
        await audited({ ...subjectOf(own), action: 'key.revoke' }, async () => {
          if (!(await store.keys.revoke(own, tenant))) throw notFound(name);
        });
        remembered.clear();
        return shown(name);
      },
      verify,
      watch,
      async admit({ key, requestsPerMinute }) {
        return key === undefined || requestsPerMinute === undefined ? 0 : store.keys.admit(key, requestsPerMinute);
      },
    };
  }
  return { of };
}

/** A tenant's key is named after it. */
function subjectOf(name: string) {
  const [, tenant] = /^(.*):/.exec(name) ?? [];
  return { subject: `key:${name}`, tenant };
}

function notFound(name: string): CadenzaError {
  return refusal('NotFound', `No key named "${name}" that holds`, {
    path: 'name',
    hint: 'See them with: npx cadenza keys list',
  });
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
