import { isCancellation } from '@temporalio/workflow';
import {
  type CadenzaActivities,
  type ClassifierRoute,
  classifierOutput,
  classifierPrompt,
  DEFAULT_EMBEDDINGS,
  DEFAULT_ROUTE_TIMEOUT_MS,
  decideByLabel,
  defaultAfter,
  invalidRequest,
  type JsonSchema,
  type PolicyRef,
  policyOfChoice,
  Route,
  type RouteDecision,
  type RouteFacts,
  type RouteRef,
} from '../../contract/index.ts';
import { callErrorOf, failure } from '../failures.ts';
import { host } from '../host.ts';
import { currentRun, policyOf, runOptions } from '../run.ts';
import { spent } from '../spending.ts';
import { placeOf, stepId } from '../step-id.ts';
import { cascade } from './cascade.ts';
import { generate } from './generate.ts';
import { noteDecision, type Routed, recordDecision } from './route-decided.ts';
import { factsOf, type RoutedQuestion } from './route-facts.ts';

export interface RouteRequest {
  step?: string;
  /** what is to be routed; tenant and metadata are the run's where they are left out */
  request: RoutedQuestion & { schema?: JsonSchema };
  /** a router, or the name of one in the config */
  route: RouteRef;
}

type Deciding = Pick<CadenzaActivities, 'resolveRoute' | 'decideRoute'>;

/**
 * Choose who answers a request: a policy, a model, or whatever a workflow's labels stand for.
 *
 *             +- rules: the first that holds ------+
 *             +- semantic: the nearest examples ---+
 *   request --+- goal: cheapest, fastest, best ----+--> choice --> policy
 *             +- classifier: a model's label ------+       (route.decided)
 *             +- cascade: ask, check, escalate ----+--> answer
 *                          a router that fails ----+--> default
 *
 * Only a wrong definition fails the run: where a router cannot decide, its default is taken, and the event says why.
 * @throws InvalidRequest for a definition or a name that is wrong; a cascade's last answer as `generate`
 */
export async function route({ step = 'route', request, route: ref }: RouteRequest): Promise<Routed> {
  const id = stepId(step);
  const definition = await definitionOf(ref);
  if (definition.strategy === 'cascade') return cascade({ id, route: definition, request });

  const { tenant, metadata } = runOptions();
  const facts = factsOf({ tenant, metadata, ...request });
  const decision = await decided(id, definition, facts);
  noteDecision(id, decision);
  return { ...decision, policy: await policyFor(definition, decision) };
}

async function decided(id: string, definition: Exclude<Route, { strategy: 'cascade' }>, facts: RouteFacts) {
  try {
    if (definition.strategy === 'classifier') {
      const decision = await classified(id, definition, facts.text);
      await recordDecision(id, decision);
      return decision;
    }
    const timeoutMs = 'timeoutMs' in definition ? definition.timeoutMs : undefined;
    const decision = await deciding(timeoutMs).decideRoute(currentRun().ref, id, definition, facts, placeOf(id, facts));
    if (decision.costUsd && definition.strategy === 'semantic') {
      spent({ model: definition.embeddings ?? DEFAULT_EMBEDDINGS, costUsd: decision.costUsd });
    }
    return decision;
  } catch (thrown) {
    if (isCancellation(thrown)) throw thrown;
    const error = callErrorOf(thrown);
    const decision = defaultAfter(definition, error.message);
    await recordDecision(id, decision, { key: `route.failed:${id}`, failed: error });
    return decision;
  }
}

/** Asks the small model once: a router is not to be waited for. */
async function classified(id: string, definition: ClassifierRoute, text: string): Promise<RouteDecision> {
  const { model, timeoutMs: totalMs = DEFAULT_ROUTE_TIMEOUT_MS } = definition;
  const { patience: _, ...policy } = await policyOf(model);
  const { object } = await generate({
    step: `${id}/classify`,
    policy: { ...policy, maxAttempts: 1, timeouts: { ...policy.timeouts, totalMs } },
    ...classifierPrompt(definition, text),
    output: classifierOutput(definition),
  });
  return decideByLabel(definition, object);
}

async function definitionOf(ref: RouteRef): Promise<Route> {
  if (typeof ref === 'string') return deciding().resolveRoute(ref);
  const parsed = Route.safeParse(ref);
  if (!parsed.success) throw failure(invalidRequest(parsed.error, 'route'));
  return parsed.data;
}

/** The choice's policy, and behind its candidates those of the alternatives. */
async function policyFor(definition: Route, { choice, alternatives = [] }: RouteDecision): Promise<PolicyRef> {
  const chosen = policyOfChoice(definition, choice);
  if (alternatives.length === 0) return chosen;
  const policies = await Promise.all(
    [chosen, ...alternatives.map((one) => policyOfChoice(definition, one))].map(policyOf),
  );
  return { ...policies[0]!, candidates: [...new Set(policies.flatMap(({ candidates }) => candidates))] };
}

/** Inside the workflow task, as all bookkeeping. A router that takes too long has failed. */
function deciding(timeoutMs: number = DEFAULT_ROUTE_TIMEOUT_MS): Deciding {
  return host().proxyLocalActivities<Deciding>({
    scheduleToCloseTimeout: timeoutMs,
    startToCloseTimeout: timeoutMs,
    retry: { initialInterval: '100 ms', maximumAttempts: 2, nonRetryableErrorTypes: ['InvalidRequest'] },
  });
}
