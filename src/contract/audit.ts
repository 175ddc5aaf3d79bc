import { z } from 'zod';
import { later } from './later.ts';

/** What is kept of in the audit log. Names are `<what>.<verb>`; `details` holds names and numbers, never a prompt's text. */
export const AuditAction = later(() =>
  z.string().regex(/^[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*$/, 'An action is <what>.<verb>, as in budget.set'),
);
export type AuditAction = z.infer<typeof AuditAction>;

/** The way an action came by: HTTP, the command line, a program of one's own with `cadenza/client`, a worker by its config. */
export const AuditWay = later(() => z.enum(['http', 'cli', 'client', 'worker']));
export type AuditWay = z.infer<typeof AuditWay>;

/** Where somebody's request came from. */
export interface Origin {
  via: AuditWay;
  /** of the network */
  address?: string;
  /** known by a signature, not by a key */
  signed?: boolean;
}

/** One line of the audit log: who did what, to what, when, from where. */
export const AuditEntry = later(() =>
  z.object({
    /** rises; the cursor of a page */
    n: z.number().int(),
    at: z.string(),
    /** `key:<name>` of an API key, `user:<name>@<host>` of a program, `anyone` at a gateway without keys, `signed` of a webhook */
    actor: z.string(),
    role: z.string(),
    /** whose it is that was acted upon */
    tenant: z.string().optional(),
    via: AuditWay,
    address: z.string().optional(),
    action: AuditAction,
    /** a run's id, `tenant:<name>`, `key:<name>` */
    subject: z.string(),
    details: z.record(z.string(), z.unknown()),
    /** type of the error, where it was asked for and not done; left out, it was begun, and nothing says it failed */
    refused: z.string().optional(),
  }),
);
export type AuditEntry = z.infer<typeof AuditEntry>;

/** Which lines, newest first. */
export const AuditQuery = later(() =>
  z.object({
    action: AuditAction.optional(),
    subject: z.string().optional(),
    actor: z.string().optional(),
    tenant: z.string().optional(),
    since: z.iso.datetime({ offset: true }).optional(),
    until: z.iso.datetime({ offset: true }).optional(),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
    /** lines older than this one: the `nextBefore` of the page before */
    before: z.coerce.number().int().positive().optional(),
  }),
);
export type AuditQuery = z.input<typeof AuditQuery>;

export const AuditPage = later(() =>
  z.object({ entries: z.array(AuditEntry), nextBefore: z.number().int().optional() }),
);
export type AuditPage = z.infer<typeof AuditPage>;
