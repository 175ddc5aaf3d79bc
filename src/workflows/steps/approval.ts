import { condition } from '@temporalio/workflow';
import { type ApprovalAnswer, Duration, durationMs } from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { note, record } from '../run.ts';
import { stepId } from '../step-id.ts';
import { askPerson, type Question } from './approval-answers.ts';

export interface ApprovalRequest {
  step?: string;
  /** what the person is to judge: text, or anything that is JSON */
  show: unknown;
  /** how long it waits for an answer; left out, for ever */
  patience?: Duration;
  /** what it means that nobody answered in time, default `reject`; `fail` fails the step */
  onExpiry?: 'approve' | 'reject' | 'fail';
  /** who may answer, by the name they answer with; left out, whoever can reach the run */
  approvers?: string[];
}

export interface Approval {
  approved: boolean;
  by?: string;
  comment?: string;
  /** what the person changed */
  arguments?: Record<string, unknown>;
  /** ISO time of the answer, or of the expiry */
  at: string;
  /** nobody answered in time */
  expired: boolean;
}

/**
 * Ask a person, and wait for the answer: hours or weeks, whatever is restarted meanwhile.
 *
 *   show --> approval.requested --> answer (client, CLI, HTTP, webhook) --> { approved, by, comment }
 *                     |
 *                     +--patience over--> approve | reject | fail
 *
 * The approval's id is the step's. No is an answer, not an error. The first answer counts, and so does one that was given
 * in time while no worker was there to take it.
 * @throws InvalidRequest for a request that nobody could answer, Timeout with `onExpiry: 'fail'`
 */
export async function approval(request: ApprovalRequest): Promise<Approval> {
  const { step = 'approval', show, patience, onExpiry = 'reject', approvers } = request;
  const id = stepId(step);
  const waitMs = patienceMs(id, patience);
  if (approvers?.length === 0)
    throw invalid(id, 'approvers is empty, so nobody could answer. Name somebody, or leave it out');

  const deadline = waitMs === undefined ? undefined : Date.now() + waitMs;
  const expiresAt = deadline === undefined ? undefined : new Date(deadline).toISOString();
  const question = askPerson({ id, deadline, approvers });
  await record([
    { type: 'step.started', key: `step.started:${id}`, step: id },
    {
      type: 'approval.requested',
      key: `approval.requested:${id}`,
      step: id,
      data: { approval: id, show: show ?? null, expiresAt, approvers },
    },
  ]);
  note(`${id}: waits for a person${expiresAt === undefined ? '' : ` until ${expiresAt}`}`);
  await answered(question);

  const decision = decided(question.close(), onExpiry);
  const { at: _, expired, ...said } = decision;
  await record([
    {
      type: 'approval.resolved',
      key: `approval.resolved:${id}`,
      step: id,
      data: { approval: id, ...said, ...(expired ? { expired } : {}) },
    },
    ...(expired && onExpiry === 'fail' ? [] : [{ type: 'step.completed', key: `step.completed:${id}`, step: id }]),
  ]);
  note(
    `${id}: ${decision.approved ? 'approved' : 'rejected'}${expired ? ', nobody answered' : ` by ${said.by ?? 'somebody'}`}`,
  );
  if (expired && onExpiry === 'fail') {
    throw failure({ type: 'Timeout', message: `Nobody answered the approval "${id}" until ${expiresAt}`, step: id });
  }
  return decision;
}

async function answered({ id, deadline, isAnswered }: Question): Promise<void> {
  if (deadline === undefined) return condition(isAnswered);
  // The answer decides, not which of the two woke us: after an outage both may have happened.
  await condition(isAnswered, Math.max(1, deadline - Date.now()), { summary: `${id} · waiting for a person` });
}

function decided(answer: ApprovalAnswer | undefined, onExpiry: NonNullable<ApprovalRequest['onExpiry']>): Approval {
  const now = new Date().toISOString();
  if (!answer) return { approved: onExpiry === 'approve', at: now, expired: true };
  const { approved, by, comment, arguments: changed, at = now } = answer;
  return {
    approved,
    ...(by === undefined ? {} : { by }),
    ...(comment === undefined ? {} : { comment }),
    ...(changed === undefined ? {} : { arguments: changed }),
    // The clock of whoever sent it may be ahead of the run's.
    at: Date.parse(at) < Date.now() ? at : now,
    expired: false,
  };
}

/** @returns undefined: for ever */
function patienceMs(id: string, patience: Duration | undefined): number | undefined {
  const parsed = Duration.optional().safeParse(patience);
  if (!parsed.success) throw invalid(id, `patience: ${parsed.error.issues[0]!.message}`);
  return parsed.data === undefined ? undefined : durationMs(parsed.data);
}

function invalid(step: string, problem: string) {
  return failure({ type: 'InvalidRequest', message: `The approval "${step}" cannot be asked for: ${problem}`, step });
}
