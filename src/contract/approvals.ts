import { z } from 'zod';
import type { Caller } from './keys.ts';
import { later } from './later.ts';

/** The Update, and the Signal, by which a run takes the answer to an approval: both with one `ApprovalAnswer`. */
export const ANSWER_APPROVAL = 'approve';

/** What a person says. */
export const ApprovalDecision = later(() =>
  z.strictObject({
    approved: z.boolean(),
    /** why */
    comment: z.string().max(10_000).optional(),
    /** who; nobody checks that it is true but the way the answer comes in */
    by: z.string().min(1).max(200).optional(),
    /** what a tool is to be called with instead, or what a question is answered with */
    arguments: z.record(z.string(), z.unknown()).optional(),
  }),
);
export type ApprovalDecision = z.infer<typeof ApprovalDecision>;

/** An answer on its way to the run. */
export const ApprovalAnswer = later(() =>
  ApprovalDecision.extend({
    /** the step that asks */
    approval: z.string().min(1),
    /** whom the gateway found the answerer to be: `key:<name>`, and the names and roles that key has. Left out, `by` counts */
    identities: z.array(z.string()).optional(),
    /** ISO time at which the person answered; left out, when the run hears of it */
    at: z.iso.datetime().optional(),
    /** tells an answer that is sent twice from two answers */
    answer: z.string().optional(),
  }),
);
export type ApprovalAnswer = z.infer<typeof ApprovalAnswer>;

/** Why a run does not take an answer: `type` of the ApplicationFailure an Update is refused with. */
export const ApprovalRefusal = later(() =>
  z.enum(['ApprovalNotAsked', 'ApprovalResolved', 'NotAnApprover', 'InvalidRequest']),
);
export type ApprovalRefusal = z.infer<typeof ApprovalRefusal>;

/** What became of an answer that was not refused. */
export const ApprovalReceipt = later(() =>
  z.object({
    /** of the run */
    id: z.string(),
    approval: z.string(),
    approved: z.boolean(),
    /** false: no worker was there to take it, so Temporal keeps it until one is; an answer kept before it wins */
    taken: z.boolean(),
  }),
);
export type ApprovalReceipt = z.infer<typeof ApprovalReceipt>;

/** An approval that waits for a person. Times are ISO. */
export const PendingApproval = later(() =>
  z.object({
    /** of the run */
    id: z.string(),
    approval: z.string(),
    pattern: z.string(),
    tenant: z.string().optional(),
    show: z.unknown(),
    /** by key (`key:<name>`), role (`role:<name>`) or name */
    approvers: z.array(z.string()).optional(),
    requestedAt: z.string(),
    /** left out where the run waits for ever */
    expiresAt: z.string().optional(),
    links: z.record(z.string(), z.string()).optional(),
  }),
);
export type PendingApproval = z.infer<typeof PendingApproval>;

/** An approver that is no name: nobody is taken at their word for it. */
export function isKeyOrRole(approver: string): boolean {
  return /^(key|role):/.test(approver);
}

/** Whom a caller answers as: its key, its role, and the names and roles that `people` of the config give the key. */
export function identitiesOfCaller({ key, role }: Caller, people: Record<string, string[]>): string[] {
  const named = key === undefined ? [] : Object.keys(people).filter((name) => people[name]!.includes(key));
  return [...new Set([...(key === undefined ? [] : [`key:${key}`]), `role:${role}`, ...named])];
}
