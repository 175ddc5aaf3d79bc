import { randomUUID } from 'node:crypto';
import { type Client, type ConnectionLike, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  ANSWER_APPROVAL,
  type ApprovalAnswer,
  ApprovalDecision,
  type ApprovalReceipt,
  ApprovalRefusal,
  type Caller,
  identitiesOfCaller,
  isKeyOrRole,
  type PendingApproval,
  withoutUndefined,
} from '../contract/index.ts';
import type { Store, StoredApproval, StoredRun } from '../store/index.ts';
import { deliver } from './deliver.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { clientError } from './outcome.ts';

/** How many approvals of all runs are listed. */
const LISTED = 200;

export interface ApprovalDesk {
  temporal: Client;
  connection: ConnectionLike;
  store: Store;
  /** of the config */
  people: Record<string, string[]>;
  caller: Caller;
}

/** The approvals a run waits for. */
export async function pendingOf(store: Store, run: StoredRun): Promise<PendingApproval[]> {
  if (run.status !== 'running') return [];
  const asked = await store.approvals.of(run.chain);
  return asked.filter(({ resolved }) => !resolved);
}

/** @param tenant whose; left out, those of all */
export function pendingOfAll(store: Store, tenant?: string): Promise<PendingApproval[]> {
  return store.approvals.pending(LISTED, tenant);
}

/** Answers an approval. Taken by an Update while a worker lives; else a Signal keeps the answer in Temporal, so that it
 *  counts although nobody was there to take it. @param found whom a gateway found the answerer to be; left out, it is known by
 *  the caller. @throws CadenzaError NotFound, Conflict, InvalidRequest */
export async function answerApproval(
  { temporal, connection, store, people, caller }: ApprovalDesk,
  run: StoredRun,
  approval: string,
  given: ApprovalDecision,
  found?: string[],
): Promise<ApprovalReceipt> {
  const decision = checked(ApprovalDecision, given, '');
  const asked = answerable(run, approval, await store.approvals.of(run.chain));
  const identities = found ?? identitiesOf(caller, people, asked, decision.by);
  const at = new Date().toISOString();
  const answer: ApprovalAnswer = withoutUndefined({ ...decision, identities, approval, at, answer: randomUUID() });
  const receipt = { id: run.id, approval, approved: answer.approved };
  try {
    const taken = await deliver({ temporal, connection }, run, ANSWER_APPROVAL, answer, answer.answer!, isBehind);
    return { ...receipt, taken };
  } catch (thrown) {
    const refused = refusedAnswer(thrown, run.id);
    if (refused instanceof CadenzaError && refused.error.path === 'by') await recordRefused(store, run, answer);
    throw refused;
  }
}

/** Whom an answer is by that came without a gateway's key. A name is taken at its word; a caller has its key and role
 *  besides. The operator, and who bears a signature, may answer in the place of any key or role: a signed link is shown to
 *  those alone who might answer themselves (gateway/routes/approvals.ts).
 *  @returns undefined where nothing but the name counts */
function identitiesOf(caller: Caller, people: Record<string, string[]>, { approvers }: StoredApproval, by?: string) {
  const named = by === undefined || isKeyOrRole(by) ? [] : [by];
  const isOperator = caller.role === 'admin' && caller.key === undefined;
  if (!isOperator && !caller.from?.signed) return [...identitiesOfCaller(caller, people), ...named];
  const represented = approvers?.filter(isKeyOrRole) ?? [];
  return represented.length === 0 ? undefined : [...named, ...represented];
}

/** Whoever reads the run sees who tried to answer in somebody else's place. */
async function recordRefused(store: Store, run: StoredRun, { approval, approved, by, identities }: ApprovalAnswer) {
  const { id, chain, pattern, tenant, startedAt } = run;
  const event = { type: 'approval.refused' as const, approval, approved, by, identities, step: approval };
  await store.events.append({ id, chain, pattern, tenant, startedAt }, [withoutUndefined(event)]);
}

/** @throws CadenzaError for what the event log already knows to be in vain */
function answerable(run: StoredRun, approval: string, asked: StoredApproval[]): StoredApproval {
  const found = asked.find((each) => each.approval === approval);
  if (!found) {
    const waiting = asked.filter(({ resolved }) => !resolved).map((each) => each.approval);
    const hint =
      waiting.length > 0 ? `It waits for: ${waiting.join(', ')}` : 'It waits for none. See: npx cadenza approvals';
    throw refusal('NotFound', `The run "${run.id}" has asked for no approval "${approval}"`, {
      path: 'approval',
      hint,
    });
  }
  const { resolved, expiresAt } = found;
  if (resolved) throw conflict(`The approval "${approval}" of run "${run.id}" ${resolution(resolved)}`);
  if (run.status !== 'running') throw conflict(`The run "${run.id}" is ${run.status}: nothing waits for the answer`);
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()) {
    throw conflict(`The approval "${approval}" of run "${run.id}" expired at ${expiresAt}`);
  }
  return found;
}

function resolution({ approved, by, expired, at }: NonNullable<StoredApproval['resolved']>): string {
  if (expired) return `expired at ${at}`;
  return `was ${approved ? 'approved' : 'rejected'}${by === undefined ? '' : ` by ${by}`} at ${at}`;
}

/** Whether the run does not know yet what it asked: its events say that it did, and the task it did so in was lost. */
function isBehind(thrown: WorkflowUpdateFailedError): boolean {
  const { cause } = thrown;
  if (!(cause instanceof ApplicationFailure)) return false;
  const refusal = ApprovalRefusal.safeParse(cause.type).data;
  return refusal === 'ApprovalNotAsked' || (refusal === undefined && cause.message.startsWith(NO_HANDLER));
}

/** What Temporal's SDK says of a workflow that takes no such Update yet. */
const NO_HANDLER = 'No registered handler for update';

/** What a run, or Temporal, answers to an answer that is not taken. */
function refusedAnswer(thrown: unknown, id: string): unknown {
  // The run is there, as its events say: it has ended since.
  if (thrown instanceof WorkflowNotFoundError)
    return conflict(`The run "${id}" has ended: nothing waits for the answer`);
  const cause = thrown instanceof WorkflowUpdateFailedError ? thrown.cause : undefined;
  if (!(cause instanceof ApplicationFailure)) return clientError(thrown, id);
  const type = ApprovalRefusal.safeParse(cause.type).data;
  if (type === 'ApprovalResolved') return conflict(cause.message);
  const path = type === 'NotAnApprover' ? 'by' : 'approval';
  return refusal(type === 'ApprovalNotAsked' ? 'NotFound' : 'InvalidRequest', cause.message, { path });
}

function conflict(message: string): CadenzaError {
  return refusal('Conflict', message);
}
