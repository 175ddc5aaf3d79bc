import {
  type AgentResult,
  type GuardrailCheck,
  GuardrailVerdict,
  type PlannedTask,
  type PolicyRef,
  type TaskGuardrail,
} from '../../contract/index.ts';
import type { AgentInbox } from '../agent/inbox.ts';
import { failure } from '../failures.ts';
import { policyOf } from '../run.ts';
import { totalUsd } from '../spending.ts';
import { approval } from '../steps/approval.ts';
import { generate } from '../steps/generate.ts';
import { runChecks } from '../steps/run-checks.ts';
import type { Spending } from './delegation.ts';

const DEFAULT_REVISIONS = 10;

interface Checking {
  task: PlannedTask;
  at: string;
  /** the how-manieth answer of the task it is */
  nth: number;
  /** the agent's, which rules in words are checked by where the task names no other */
  policy: PolicyRef | undefined;
  spend(spending: Spending): void;
}

/** Why a task's guardrails do not accept an answer; undefined if they do. */
export async function problemWith(
  { text, model }: AgentResult,
  { task, at, nth, policy, spend }: Checking,
): Promise<{ reason: string; isFinal: boolean } | undefined> {
  if (task.guardrails.length === 0) return undefined;
  const judge = { ...(await policyOf(task.guardrailPolicy ?? policy)), guardrails: undefined };
  const checks = task.guardrails.map((one) => checkOf(one, judge.candidates[0]!));
  const findings = await runChecks({
    ...{ step: at, stage: 'after', nth, checks, texts: [text], model },
    async askJudge({ step, model: asked, system, prompt }) {
      const judged = await generate({
        ...{ step, system, prompt, output: GuardrailVerdict },
        policy: asked === judge.candidates[0] ? judge : { ...judge, candidates: [asked] },
      });
      spend({ usage: judged.usage, costUsd: judged.costUsd, steps: 1, toolCalls: [] });
      return judged.object;
    },
  });
  const fired = findings.filter(({ passed }) => !passed);
  if (fired.length === 0) return undefined;
  return {
    reason: fired.map(({ reason }) => reason).join(' '),
    isFinal: fired.some(({ action }) => action === 'refuse'),
  };
}

function checkOf(rule: TaskGuardrail, model: string): GuardrailCheck {
  if (typeof rule !== 'string') return { onFailure: 'repair', ...rule };
  const question = `Does the text comply with this rule? If it does not, say what is wrong with it.\nRule: ${rule}`;
  return { check: 'model', name: 'guardrail', model, question, onFailure: 'repair' };
}

interface Reviewing {
  task: PlannedTask;
  at: string;
  /** whose answer it is */
  who: string;
  inbox: AgentInbox;
  /** how often it was revised so far */
  revisions: number;
}

/** What a person says of an answer, where the task wants one to. @throws Refused after too many revisions, Timeout */
export async function reviewed(
  { text, object }: AgentResult,
  { task, at, who, inbox, revisions }: Reviewing,
): Promise<'accepted' | 'stopped' | { comment?: string }> {
  const { review } = task;
  if (!review) return 'accepted';
  const { approvers, patience, onExpiry = 'fail', revisions: most = DEFAULT_REVISIONS } = review;
  const decision = await inbox.untilStopped(() =>
    approval({
      ...{ step: `${at}/review`, approvers, patience, onExpiry },
      show: { task: task.name, agent: who, answer: object ?? text, costUsd: Number(totalUsd().toFixed(6)) },
    }),
  );
  if (decision === 'stopped') return 'stopped';
  const { approved, by = 'A person', comment } = decision;
  if (approved) return 'accepted';
  if (revisions < most) return { comment };
  throw failure({
    type: 'Refused',
    message: `${by} did not accept the answer of "${task.name}" after ${revisions} revisions${comment === undefined ? '' : `: ${comment}`}`,
    step: at,
  });
}
