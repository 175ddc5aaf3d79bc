import type { Counted } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { OpenWork } from '../telemetry/index.ts';

/** What is open now, by one look at each table that says it. @param tenant whose runs and approvals; what providers are asked is all's, and told to the operator alone */
export async function openWork({ runs, approvals, limits }: Store, tenant?: string): Promise<OpenWork> {
  const none = Promise.resolve([]);
  const isOperator = tenant === undefined;
  const [open, unanswered, waiting, circuits, use] = await Promise.all([
    runs.open(tenant),
    approvals.waiting(tenant),
    isOperator ? limits.waiting() : none,
    isOperator ? limits.circuits() : none,
    isOperator ? limits.use() : none,
  ]);
  const counted = use.flatMap(({ scope, limits: most, used }) =>
    Object.entries(used).flatMap(([name, count]) => {
      const limit = most[name as Counted];
      return limit === undefined ? [] : [{ scope, counted: name, limit, used: count }];
    }),
  );
  return { runs: open, approvals: unanswered, waiting, circuits, limits: counted };
}
