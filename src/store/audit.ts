import { randomUUID } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import { type AuditEntry, type AuditPage, AuditQuery, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';
import { type Retrying, retrying } from './outage.ts';
import { storableJson } from './storable-json.ts';

export type NewAuditEntry = Omit<AuditEntry, 'n' | 'at'>;

/** Who did what: lines that are added, and never changed. They go by their age alone (`retention.audit`). */
export interface Audit {
  /** Keeps a line. `details` are names and numbers: prompts and answers have no place here. */
  record(entry: NewAuditEntry): Promise<void>;
  /** Newest first. */
  list(query?: AuditQuery): Promise<AuditPage>;
}

export function createAudit(db: Kysely<Database>, waiting: Retrying): Audit {
  async function put(id: string, { details, ...entry }: NewAuditEntry): Promise<void> {
    await db
      .insertInto('audit')
      .values({ id, details: storableJson(details), ...entry })
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  }
  const repeated = retrying('audit', { put, list: listOf(db) }, waiting);
  return { record: (entry) => repeated.put(randomUUID(), entry), list: repeated.list };
}

function listOf(db: Kysely<Database>) {
  return async (query?: AuditQuery): Promise<AuditPage> => {
    const { limit, before, since, until, ...equal } = AuditQuery.parse(query ?? {});
    let found = db
      .selectFrom('audit')
      .selectAll()
      .orderBy('n', 'desc')
      .limit(limit + 1);
    for (const [column, value] of Object.entries(withoutUndefined(equal))) {
      found = found.where(column as keyof typeof equal, '=', value);
    }
    if (before !== undefined) found = found.where('n', '<', before);
    if (since !== undefined) found = found.where('at', '>=', new Date(since));
    if (until !== undefined) found = found.where('at', '<', new Date(until));
    const rows = await found.execute();
    const page = rows.slice(0, limit);
    return withoutUndefined({
      entries: page.map(toEntry),
      nextBefore: rows.length > limit ? page.at(-1)!.n : undefined,
    });
  };
}

function toEntry({ id: _, at, tenant, address, refused, via, ...row }: Selectable<Database['audit']>): AuditEntry {
  return withoutUndefined({
    ...row,
    at: at.toISOString(),
    via: via as AuditEntry['via'],
    tenant: tenant ?? undefined,
    address: address ?? undefined,
    refused: refused ?? undefined,
  });
}
