import { hostname, userInfo } from 'node:os';
import { type AuditPage, AuditQuery, type Caller, withoutUndefined } from '../contract/index.ts';
import type { NewAuditEntry, Store } from '../store/index.ts';
import { CadenzaError, checked } from './errors.ts';

type Action = Pick<NewAuditEntry, 'action' | 'subject' | 'tenant'> & { details?: Record<string, unknown> };

/** Does something that the audit log keeps, in a caller's name. */
export type Audited = <Value>(action: Action, act: () => Promise<Value>) => Promise<Value>;

/**
 * The one place where the audit log is written. The line comes before the act, so that nothing is done that is in no line;
 * what then is refused or fails has a second line that says so.
 */
export function auditedBy({ audit }: Pick<Store, 'audit'>, caller: Caller): Audited {
  return async ({ action, subject, tenant = caller.tenant, details = {} }, act) => {
    const { via, address } = caller.from ?? { via: 'client' };
    const known = withoutUndefined({ ...details });
    const entry = { ...{ actor: actorOf(caller), role: caller.role, tenant, via, address }, action, subject };
    await audit.record(withoutUndefined({ ...entry, details: known }));
    try {
      return await act();
    } catch (thrown) {
      const refused = thrown instanceof CadenzaError ? thrown.code : 'Failed';
      await audit.record(withoutUndefined({ ...entry, details: known, refused }));
      throw thrown;
    }
  };
}

/** A page of the log. @param tenant whose; left out, all @throws CadenzaError InvalidRequest for a query that is none */
export function listAudit(
  { audit }: Pick<Store, 'audit'>,
  query: AuditQuery = {},
  tenant?: string,
): Promise<AuditPage> {
  checked(AuditQuery, query, 'query');
  return audit.list(tenant === undefined ? query : { ...query, tenant });
}

function actorOf({ key, from }: Caller): string {
  if (key !== undefined) return `key:${key}`;
  if (from?.via === 'http') return from.signed ? 'signed' : 'anyone';
  return `user:${userName()}@${hostname()}`;
}

/** A container may run under a number that has no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
