import { z } from 'zod';
import type { Origin } from './audit.ts';
import { BudgetUsd } from './budgets.ts';
import { later } from './later.ts';
import { Duration, durationMs } from './policy.ts';

/** What the bearer of an API key may do with what is its tenant's. */
export const Role = later(() => z.enum(['admin', 'operator', 'caller', 'approver']));
export type Role = z.infer<typeof Role>;

/** `start` takes in all one does with a run of one's own: steer, stop, fork. `operate`: schedules and collections.
 *  `administer`: keys and budgets. */
export type Permission = 'read' | 'start' | 'approve' | 'operate' | 'administer';

const PERMISSIONS: Record<Role, readonly Permission[]> = {
  admin: ['read', 'start', 'approve', 'operate', 'administer'],
  operator: ['read', 'start', 'approve', 'operate'],
  caller: ['read', 'start'],
  approver: ['read', 'approve'],
};

export function isPermitted(role: Role, permission: Permission): boolean {
  return PERMISSIONS[role].includes(permission);
}

/** What an API key begins with, so that one is known for what it is wherever it is found. */
export const KEY_PREFIX = 'cdz_';

/** A tenant that keys are made for. Without a colon: ids of its runs begin with `<tenant>:`. */
export const TenantName = later(() =>
  z.string().regex(/^[\w.@-]{1,64}$/, 'The name of a tenant that has keys is letters, digits and . @ _ -'),
);

/** What a key may be used for; what is left out is not limited. */
const KeyLimits = later(() =>
  z.object({
    /** models it may ask: refs, aliases of the config, `provider/*` */
    models: z.array(z.string().min(1).max(200)).max(200).optional(),
    /** patterns it may start; workflows of one's own only where they are named here */
    patterns: z.array(z.string().min(1).max(200)).max(200).optional(),
    requestsPerMinute: z.number().int().min(1).max(1_000_000).optional(),
  }),
);

export const CreateKey = later(() =>
  z.strictObject({
    /** that of a tenant's key becomes `<tenant>:<name>` */
    name: z.string().regex(/^[\w.-]{1,64}$/, 'The name of a key is letters, digits and . _ -'),
    /** what it is for, in words */
    label: z.string().min(1).max(200).optional(),
    tenant: TenantName.optional(),
    role: Role.default('caller'),
    ...KeyLimits.shape,
    /** USD it may spend in all */
    budgetUsd: BudgetUsd.optional(),
    /** left out, it holds until it is revoked */
    expiresIn: Duration.refine((given) => !Duration.safeParse(given).success || durationMs(given) > 0, {
      error: 'A key holds for some time: a duration above 0',
    }).optional(),
  }),
);
export type CreateKey = z.input<typeof CreateKey>;

/** An API key without its secret, which nobody keeps. Times are ISO. */
export const ApiKey = later(() =>
  KeyLimits.extend({
    name: z.string(),
    label: z.string().optional(),
    tenant: z.string().optional(),
    role: Role,
    createdAt: z.string(),
    /** within a minute */
    lastUsedAt: z.string().optional(),
    expiresAt: z.string().optional(),
    revokedAt: z.string().optional(),
    /** until when the secret before the last rotation is taken too */
    oldSecretUntil: z.string().optional(),
    /** left out: no limit */
    budgetUsd: z.number().optional(),
    spentUsd: z.number(),
  }),
);
export type ApiKey = z.infer<typeof ApiKey>;

/** A key that was just made or rotated: the one time its secret is shown. */
export const NewApiKey = later(() => ApiKey.extend({ secret: z.string() }));
export type NewApiKey = z.infer<typeof NewApiKey>;

export const RotateKey = later(() =>
  z.strictObject({
    /** how long the old secret is taken beside the new one */
    grace: Duration.default('1 day'),
  }),
);
export type RotateKey = z.input<typeof RotateKey>;

/** Who asks: what an API key says of its bearer. Without a tenant it is everybody's: the operator of this installation. */
export interface Caller {
  role: Role;
  /** name of the key; undefined where none is asked for */
  key?: string;
  tenant?: string;
  /** see `CreateKey`; undefined: all */
  models?: string[];
  patterns?: string[];
  requestsPerMinute?: number;
  /** for the audit log; left out, a program with `cadenza/client` */
  from?: Origin;
}

/** The name or id of what is a tenant's: it begins with the tenant's name, so that it is nobody else's. */
export function ownName(name: string, tenant: string | undefined): string {
  return tenant === undefined || name.startsWith(`${tenant}:`) ? name : `${tenant}:${name}`;
}
