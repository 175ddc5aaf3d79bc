import { type Kysely, sql } from 'kysely';
import { type EventBody, type PendingApproval, withoutUndefined } from '../contract/index.ts';
import type { Database } from './database.ts';

type Data<Type extends EventBody['type']> = Omit<Extract<EventBody, { type: Type }>, 'type'>;

/** An approval a run has asked for, with its answer if there is one. */
export interface StoredApproval extends PendingApproval {
  resolved?: Data<'approval.resolved'> & { at: string };
}

export interface Approvals {
  /** All a run has asked for, in that order. @param chain first-execution run id */
  of(chain: string): Promise<StoredApproval[]>;
  /** Those that running runs wait for, longest waiting first. @param tenant whose; left out, all */
  pending(limit: number, tenant?: string): Promise<PendingApproval[]>;
  /** How many of those there are. */
  waiting(tenant?: string): Promise<number>;
}

export function createApprovals(db: Kysely<Database>): Approvals {
  // literal: the partial index serves only what it can see
  const asked = db
    .selectFrom('events as e')
    .innerJoin('runs as r', 'r.chain', 'e.chain')
    .leftJoin('events as answer', (join) =>
      join
        .onRef('answer.chain', '=', 'e.chain')
        .on(sql<boolean>`answer.type in ('approval.requested', 'approval.resolved')`)
        .on(sql<boolean>`answer.type = 'approval.resolved' and answer.data->>'approval' = e.data->>'approval'`),
    )
    .where(sql<boolean>`e.type in ('approval.requested', 'approval.resolved') and e.type = 'approval.requested'`)
    .select(['r.id', 'r.pattern', 'r.tenant', 'e.at', 'e.data', 'answer.at as answerAt', 'answer.data as answerData']);

  const unanswered = (tenant?: string) => {
    const waiting = asked.where('r.status', '=', 'running').where('answer.seq', 'is', null);
    return tenant === undefined ? waiting : waiting.where('r.tenant', '=', tenant);
  };

  return {
    async of(chain) {
      const rows = await asked.where('e.chain', '=', chain).orderBy('e.seq').execute();
      return rows.map(toApproval);
    },
    async pending(limit, tenant) {
      const rows = await unanswered(tenant).orderBy('e.at').limit(limit).execute();
      return rows.map(toApproval);
    },
    async waiting(tenant) {
      const select = unanswered(tenant)
        .clearSelect()
        .select(({ fn }) => fn.countAll<string>().as('count'));
      return Number((await select.executeTakeFirstOrThrow()).count);
    },
  };
}

interface Row {
  id: string;
  pattern: string;
  tenant: string | null;
  at: Date;
  data: Record<string, unknown>;
  answerAt: Date | null;
  answerData: Record<string, unknown> | null;
}

function toApproval({ id, pattern, tenant, at, data, answerAt, answerData }: Row): StoredApproval {
  const { approval, show, expiresAt, approvers } = data as Data<'approval.requested'>;
  const resolved = answerData as Data<'approval.resolved'> | null;
  return withoutUndefined({
    id,
    approval,
    pattern,
    tenant: tenant ?? undefined,
    show,
    approvers,
    requestedAt: at.toISOString(),
    expiresAt,
    resolved: resolved && answerAt ? { ...resolved, at: answerAt.toISOString() } : undefined,
  });
}
