import { type Kysely, type Selectable, sql } from 'kysely';
import { type ApiKey, type CreateKey, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

/** What is kept of a new key: its name is whole, its secret hashed. */
export interface NewKey extends Omit<CreateKey, 'budgetUsd' | 'expiresIn'> {
  hash: Buffer;
  role: ApiKey['role'];
  expiresAt?: Date;
}

/** A key that holds, with the digest it was found by. */
export interface VerifiedKey extends Pick<ApiKey, 'name' | 'tenant' | 'role' | 'models' | 'patterns'> {
  digest: Buffer;
  requestsPerMinute?: number;
}

export interface ApiKeys {
  /** @returns false where there is a key of this name, or was one */
  create(key: NewKey): Promise<boolean>;
  /** By name. @param tenant whose; left out, all */
  list(tenant?: string): Promise<ApiKey[]>;
  /** Whether any key holds now. */
  any(): Promise<boolean>;
  find(name: string, tenant?: string): Promise<ApiKey | undefined>;
  /** Whether there is a tenant of this name: it has, or had, a key or a run. */
  hasTenant(name: string): Promise<boolean>;
  /** Gives a key that holds another secret; the old one holds for so long too. @returns false where there is none */
  rotate(name: string, hash: Buffer, graceMs: number, tenant?: string): Promise<boolean>;
  /** @returns false where there is none */
  revoke(name: string, tenant?: string): Promise<boolean>;
  /** The key that holds a secret of this SHA-256 now. */
  verify(digest: Buffer): Promise<VerifiedKey | undefined>;
  /** Takes one of the requests a key may make a minute. @returns ms until it may ask again, 0 where it may now */
  admit(name: string, requestsPerMinute: number): Promise<number>;
}

/** A key's use is written down at most so often, ms. */
const USE_EVERY_MS = 60_000;
const MINUTE_MS = 60_000;

export function createApiKeys(db: Kysely<Database>): ApiKeys {
  const ofTenant = (tenant: string | undefined) =>
    tenant === undefined ? sql<boolean>`true` : sql<boolean>`tenant = ${tenant}`;
  const holds = sql<boolean>`revoked_at is null and (expires_at is null or expires_at > now())`;

  function select() {
    return db
      .selectFrom('api_keys')
      .leftJoin('accounts', (join) => join.on(sql<boolean>`accounts.id = 'key:' || api_keys.name`))
      .selectAll('api_keys')
      .select(['accounts.budget_usd', 'accounts.spent_usd']);
  }

  return {
    async create({ name, hash, label, tenant, role, models, patterns, requestsPerMinute, expiresAt }) {
      const made = await db
        .insertInto('api_keys')
        .values({
          name,
          hash,
          label,
          tenant,
          role,
          models,
          patterns,
          requests_per_minute: requestsPerMinute,
          expires_at: expiresAt,
        })
        .onConflict((conflict) =>
          // the same once more, where the answer to the first was lost
          conflict.column('name').doUpdateSet({ hash }).where('api_keys.hash', '=', hash),
        )
        .returning('name')
        .executeTakeFirst();
      return made !== undefined;
    },
    async list(tenant) {
      return (await select().where(ofTenant(tenant)).orderBy('name').execute()).map(toApiKey);
    },
    async any() {
      return (await db.selectFrom('api_keys').select('name').where(holds).limit(1).executeTakeFirst()) !== undefined;
    },
    async find(name, tenant) {
      const row = await select().where('name', '=', name).where(ofTenant(tenant)).executeTakeFirst();
      return row && toApiKey(row);
    },
    async hasTenant(name) {
      const { rows } = await sql<{ known: boolean }>`
        select exists(select from api_keys where tenant = ${name}) or exists(select from runs where tenant = ${name})
          as known`.execute(db);
      return rows[0]!.known;
    },
    async rotate(name, hash, graceMs, tenant) {
      const rotated = await db
        .updateTable('api_keys')
        .set({
          hash,
          // the same once more, where the answer to the first was lost
          old_hash: sql<Buffer>`case when hash = ${hash} then old_hash else hash end`,
          old_until: sql<Date>`now() + make_interval(secs => ${graceMs / 1_000})`,
        })
        .where('name', '=', name)
        .where(ofTenant(tenant))
        .where(holds)
        .returning('name')
        .executeTakeFirst();
      return rotated !== undefined;
    },
    async revoke(name, tenant) {
      const revoked = await db
        .updateTable('api_keys')
        .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())` })
        .where('name', '=', name)
        .where(ofTenant(tenant))
        .returning('name')
        .executeTakeFirst();
      return revoked !== undefined;
    },
    async verify(digest) {
      const row = await db
        .selectFrom('api_keys')
        .selectAll()
        .where(sql<boolean>`(hash = ${digest} or (old_hash = ${digest} and old_until > now()))`)
        .where(holds)
        .executeTakeFirst();
      if (!row) return undefined;
      if (Date.now() - (row.last_used_at?.getTime() ?? 0) > USE_EVERY_MS) await used(row.name);
      const { name, tenant, role, models, patterns, requests_per_minute: requestsPerMinute } = row;
      const found = row.hash.equals(digest) ? row.hash : row.old_hash!;
      return withoutUndefined({
        ...{
          name,
          role,
          digest: found,
          tenant: tenant ?? undefined,
          requestsPerMinute: requestsPerMinute ?? undefined,
        },
        ...{ models: models ?? undefined, patterns: patterns ?? undefined },
      });
    },
    /** A bucket that fills evenly: the generic cell rate algorithm (ITU-T I.371), with a minute's requests as its burst. */
    async admit(name, requestsPerMinute) {
      const step = sql`make_interval(secs => ${60 / requestsPerMinute})`;
      const { rows: taken } = await sql`
        insert into key_rates as rate (name, full_at) values (${name}, now() + ${step})
        on conflict (name) do update set full_at = greatest(rate.full_at, now()) + ${step}
          where greatest(rate.full_at, now()) + ${step} <= now() + interval '1 minute'
        returning 1`.execute(db);
      if (taken.length > 0) return 0;
      // In a statement of its own: the one before sees the bucket as it was before those it had to wait for.
      const { rows } = await sql<{ full_in: number }>`
        select extract(epoch from full_at - now())::float * 1000 as full_in from key_rates where name = ${name}`.execute(
        db,
      );
      return Math.max(1, Math.ceil((rows[0]?.full_in ?? 0) + MINUTE_MS / requestsPerMinute - MINUTE_MS));
    },
  };

  /** Without a wait for other processes that say the same. */
  async function used(name: string): Promise<void> {
    await sql`update api_keys set last_used_at = now() where name = ${name}
      and ctid in (select ctid from api_keys where name = ${name} for update skip locked)`.execute(db);
  }
}

type Row = Selectable<Database['api_keys']> & { budget_usd: string | null; spent_usd: string | null };

function toApiKey(row: Row): ApiKey {
  const oldHolds = row.old_until !== null && row.old_until.getTime() > Date.now();
  return withoutUndefined({
    name: row.name,
    label: row.label ?? undefined,
    tenant: row.tenant ?? undefined,
    role: row.role,
    models: row.models ?? undefined,
    patterns: row.patterns ?? undefined,
    requestsPerMinute: row.requests_per_minute ?? undefined,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString(),
    expiresAt: row.expires_at?.toISOString(),
    revokedAt: row.revoked_at?.toISOString(),
    oldSecretUntil: oldHolds ? row.old_until!.toISOString() : undefined,
    budgetUsd: row.budget_usd === null ? undefined : Number(row.budget_usd),
    spentUsd: Number(row.spent_usd ?? 0),
  });
}
