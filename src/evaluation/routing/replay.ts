import {
  type CandidateFacts,
  type CascadeRoute,
  cascadeOrder,
  decideByGoal,
  decideByLabel,
  decideByNearest,
  decideByRules,
  type GoalRoute,
  type Route,
  type RouteDecision,
  type RouteFacts,
  type RuleSenses,
} from '../../contract/index.ts';
import { type EvalRecord, recordedOf } from './records.ts';

/** One prompt of a data set with everything routers may ask about it; looked up once for all of them. */
export interface Prepared {
  record: EvalRecord;
  facts: RouteFacts;
  /** of the prompt, by the router's name */
  vectors: Map<string, number[]>;
  /** by the router's name */
  classified: Map<string, { label: string; confidence: number; costUsd: number }>;
}

/** What all prompts share. */
export interface Replaying {
  senses: RuleSenses;
  /** vectors of a semantic router's examples, by the router's name */
  examples: Map<string, number[][]>;
  /** the names a label's records may be under: itself, and the model it stands for */
  namesOf(route: Route, label: string): string[];
  /** score (0..1) and cost (USD) of a label's answer. @throws CadenzaError where the data does not tell */
  outcome(route: Route, prepared: Prepared, label: string): { score: number; costUsd: number };
  quality: Record<string, number>;
}

/** A router's decision on one prompt, with its outcome. */
export interface Replayed {
  choice: string;
  reason: string;
  score: number;
  /** of the answer, and of what it took to decide, USD */
  costUsd: number;
  /** models asked for an answer */
  asked: string[];
}

/** Decides for a prompt as the router would have, by what was recorded. */
export function replay(name: string, route: Route, prepared: Prepared, replaying: Replaying): Replayed {
  if (route.strategy === 'cascade') return replayCascade(route, prepared, replaying);
  const { decision, decidingUsd } = decide(name, route, prepared, replaying);
  const { choice, reason } = decision;
  const { score, costUsd } = replaying.outcome(route, prepared, choice);
  return { choice, reason, score, costUsd: costUsd + decidingUsd, asked: [choice] };
}

function decide(
  name: string,
  route: Exclude<Route, CascadeRoute>,
  prepared: Prepared,
  replaying: Replaying,
): { decision: RouteDecision; decidingUsd: number } {
  switch (route.strategy) {
    case 'rules':
      return { decision: decideByRules(route, prepared.facts, replaying.senses), decidingUsd: 0 };
    case 'classifier': {
      const said = prepared.classified.get(name)!;
      return { decision: decideByLabel(route, said), decidingUsd: said.costUsd };
    }
    case 'semantic': {
      const vector = prepared.vectors.get(name)!;
      return { decision: decideByNearest(route, vector, replaying.examples.get(name)!), decidingUsd: 0 };
    }
    case 'goal':
      return { decision: decideByGoal(route, candidateFacts(route, prepared, replaying)), decidingUsd: 0 };
  }
}

/** Prices and latencies as recorded: the most a router could know. */
function candidateFacts(
  route: GoalRoute,
  prepared: Prepared,
  { namesOf, outcome, quality }: Replaying,
): CandidateFacts[] {
  return route.candidates.map((choice) => {
    const names = namesOf(route, choice);
    const known = names.find((one) => Object.hasOwn(quality, one));
    return {
      choice,
      calls: Number.POSITIVE_INFINITY,
      usd: outcome(route, prepared, choice).costUsd,
      firstTokenMs: recordedOf(prepared.record, names)?.firstTokenMs,
      quality: route.quality?.[choice] ?? (known === undefined ? undefined : quality[known]),
    };
  });
}

/** Each stage is paid, with its samples and its check, until one is accepted. */
function replayCascade(route: CascadeRoute, prepared: Prepared, { namesOf, outcome }: Replaying): Replayed {
  const order = cascadeOrder(route);
  const { accept } = route;
  const times = accept.check === 'agreement' ? accept.samples : 1;
  const least = accept.check === 'judge' ? accept.minScore : accept.check === 'agreement' ? accept.minAgreement : 1;
  let spent = 0;
  for (const [index, choice] of order.entries()) {
    const { score, costUsd } = outcome(route, prepared, choice);
    const asked = order.slice(0, index + 1);
    if (index === order.length - 1) {
      return { choice, reason: 'No cheaper answer was accepted', score, costUsd: spent + costUsd, asked };
    }
    const recorded = recordedOf(prepared.record, namesOf(route, choice));
    const check = recorded?.check ?? score;
    spent += costUsd * times + (recorded?.checkUsd ?? 0);
    if (check >= least) return { choice, reason: `Its check gave ${check}`, score, costUsd: spent, asked };
  }
  throw new Error('unreachable: a cascade ends with its default');
}

/** The same router at every threshold it could have; one without a threshold is itself alone. */
export function atAllThresholds(route: Route): Route[] {
  const thresholds = Array.from({ length: 22 }, (_, index) => index / 20);
  switch (route.strategy) {
    case 'classifier':
    case 'semantic':
      return thresholds.map((minConfidence) => ({ ...route, minConfidence }));
    case 'cascade': {
      const { accept } = route;
      if (accept.check === 'judge')
        return thresholds.map((minScore) => ({ ...route, accept: { ...accept, minScore } }));
      if (accept.check === 'schema') return [route];
      return thresholds.map((minAgreement) => ({ ...route, accept: { ...accept, minAgreement } }));
    }
    default:
      return [route];
  }
}
