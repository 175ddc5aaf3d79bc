import { isCancellation } from '@temporalio/workflow';
import {
  type Acceptance,
  type CallError,
  type CascadeRoute,
  cascadeOrder,
  type JsonSchema,
  type PolicyRef,
  policyOfChoice,
  type RejectedChoice,
  type RouteDecision,
} from '../../contract/index.ts';
import { attempt } from '../attempt.ts';
import { callErrorOf, failure } from '../failures.ts';
import { note, policyOf, record } from '../run.ts';
import { type Generated, generate } from './generate.ts';
import { judge } from './judge.ts';
import { noteDecision, type Routed, recordDecision } from './route-decided.ts';
import { factsOf, type RoutedQuestion } from './route-facts.ts';
import { tally } from './vote.ts';

interface Cascade {
  id: string;
  route: CascadeRoute;
  request: RoutedQuestion & { schema?: JsonSchema };
}

/** An answer of a stage, and what the check says of it. Without an answer, it is not accepted. */
interface Tried {
  accepted: boolean;
  reason: string;
  confidence?: number;
  costUsd: number | null;
  answer?: Generated;
}

/**
 * Ask the cheapest first, and a dearer one only where a check does not accept the answer.
 *
 *   fast --> check --accepted--> answer
 *              |no
 *              +--> next stage --> check --> ... --> default --> answer
 *
 * After FrugalGPT's LLM cascade (Chen, Zaharia, Zou 2023, arXiv 2305.05176), the scorer being a schema, a judge, or the
 * agreement of samples. A check that cannot be made is a failed router: the default answers, unchecked.
 * @throws as `generate`, where the last one cannot answer
 */
export async function cascade({ id, route, request }: Cascade): Promise<Routed> {
  const { tenant: _, metadata: __, ...question } = request;
  const order = cascadeOrder(route);
  const schema = question.schema ?? (route.accept.check === 'schema' ? route.accept.schema : undefined);
  const rejected: RejectedChoice[] = [];
  let why = 'No cheaper answer was accepted';
  let failed: CallError | undefined;

  for (const choice of order.slice(0, -1)) {
    const step = `${id}/${choice}`;
    const policy = policyOfChoice(route, choice);
    try {
      const tried = await tryStage({ id, step, policy, question: { ...question, schema }, accept: route.accept });
      await recordCheck(id, choice, tried);
      const { accepted, reason, confidence, costUsd, answer } = tried;
      if (accepted) return await decided({ choice, reason, confidence, rejected }, policy, answer!);
      rejected.push({ choice, reason, confidence, costUsd });
    } catch (thrown) {
      if (isCancellation(thrown)) throw thrown;
      failed = callErrorOf(thrown);
      why = `The router failed, so the default is taken: ${failed.message}`;
      rejected.push({ choice, reason: 'Its answer could not be checked' });
      break;
    }
  }
  const policy = policyOfChoice(route, route.default);
  const answer = await generate({ ...question, schema, step: `${id}/${route.default}`, policy });
  return decided({ choice: route.default, reason: why, rejected }, policy, answer);

  async function decided(decision: RouteDecision, used: PolicyRef, given: Generated): Promise<Routed> {
    await recordDecision(id, decision, { failed });
    noteDecision(id, decision);
    return { ...decision, policy: used, answer: given };
  }
}

interface Stage {
  id: string;
  step: string;
  policy: PolicyRef;
  question: RoutedQuestion & { schema?: JsonSchema };
  accept: Acceptance;
}

async function tryStage(stage: Stage): Promise<Tried> {
  const { id, step, policy, question, accept } = stage;
  if (accept.check === 'agreement') return agreed(stage, accept);
  if (accept.check === 'schema' && question.schema === undefined) {
    throw failure({
      type: 'InvalidRequest',
      message: 'There is no schema to check answers against: give accept.schema, or the request a schema',
      step,
    });
  }
  const answer = await attempt(generate({ ...question, step, policy }), step);
  if ('error' in answer) return { accepted: false, reason: answer.error.message, costUsd: null };
  const { costUsd } = answer;
  if (accept.check === 'schema') return { accepted: true, reason: 'It matches the schema', costUsd, answer };

  const verdict = await judge({
    step: `${id}/judge`,
    policy: accept.policy,
    question: factsOf(question).text,
    answers: [answer],
    rubric: accept.rubric,
  });
  const { score, reason } = verdict.scores[0]!;
  const accepted = score >= accept.minScore;
  const said = `The judge gave it ${shown(score)}, ${accepted ? 'at least' : 'below'} ${accept.minScore}: ${reason}`;
  return { accepted, reason: said, confidence: score, costUsd, answer };
}

/** Samples that agree: the more say the same, the likelier it is right (Wang et al. 2022, arXiv 2203.11171). */
async function agreed(
  { step, policy, question }: Stage,
  { samples, minAgreement, field }: Extract<Acceptance, { check: 'agreement' }>,
): Promise<Tried> {
  const shared = await policyOf(policy);
  const answers = await Promise.all(
    Array.from({ length: samples }, (_, index) => {
      const sample = `${step}/sample/${index + 1}`;
      const seed = shared.seed === undefined ? undefined : shared.seed + index;
      return attempt(generate({ ...question, step: sample, policy: { ...shared, seed, cache: false } }), sample);
    }),
  );
  const good = answers.filter((answer): answer is Generated => !('error' in answer));
  const costUsd = good.reduce((sum, answer) => sum + (answer.costUsd ?? 0), 0);
  const { counts } = tally(good, { field });
  const [most] = counts;
  const share = (most?.answers.length ?? 0) / samples;
  const accepted = most !== undefined && share >= minAgreement;
  return {
    accepted,
    reason: `${most?.answers.length ?? 0} of ${samples} samples say the same, ${accepted ? 'at least' : 'below'} ${minAgreement}`,
    confidence: share,
    costUsd,
    answer: most && good[most.answers[0]! - 1],
  };
}

async function recordCheck(id: string, stage: string, { accepted, reason, confidence }: Tried): Promise<void> {
  const verdict = { stage, accepted, reason, ...(confidence === undefined ? {} : { score: confidence }) };
  await record([{ type: 'verdict', key: `check:${id}:${stage}`, step: `${id}/${stage}`, data: { verdict } }]);
  note(`${id}: ${stage} ${accepted ? 'is accepted' : 'is not accepted, escalating'}`);
}

function shown(score: number): string {
  return String(Math.round(score * 100) / 100);
}
