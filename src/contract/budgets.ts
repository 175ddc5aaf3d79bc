import { z } from 'zod';
import { later } from './later.ts';

/** USD, in all and for ever: what was spent before counts. */
export const BudgetUsd = later(() => z.number().nonnegative('A budget is a number of USD, 0 or more'));

/** Whose budget: `tenant:<name>`, or `key:<name>` of an API key. A run's own is one of its options. */
export const BudgetAccount = later(() =>
  z
    .string()
    .regex(/^(tenant:.{1,200}|key:([\w.@-]{1,64}:)?[\w.-]{1,64})$/, 'A budget is that of tenant:<name> or key:<name>'),
);
export type BudgetAccount = z.infer<typeof BudgetAccount>;

/** What an account may spend, has spent, and holds for calls in flight. */
export const Budget = later(() =>
  z.object({
    account: z.string(),
    /** null: no limit */
    budgetUsd: z.number().nullable(),
    spentUsd: z.number(),
    reservedUsd: z.number(),
  }),
);
export type Budget = z.infer<typeof Budget>;

export const SetBudget = later(() =>
  z.strictObject({
    /** null lifts the limit */
    budgetUsd: BudgetUsd.nullable(),
  }),
);
export type SetBudget = z.infer<typeof SetBudget>;
