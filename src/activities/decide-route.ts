import {
  type CadenzaActivities,
  type CandidateFacts,
  DEFAULT_EMBEDDINGS,
  DEFAULT_ROUTE_TIMEOUT_MS,
  decideByGoal,
  decideByNearest,
  decideByRules,
  examplesOf,
  type GoalRoute,
  isAlias,
  policyOfChoice,
  type Route,
  type RouteDecision,
  type RouteFacts,
  type RunRef,
  type SemanticRoute,
} from '../contract/index.ts';
import { priceOf } from '../providers/index.ts';
import { decidedBefore, type ModelStatistics, modelStatistics } from '../store/index.ts';
import { createEmbedTexts } from './embed-texts.ts';
import type { Rooms } from './rooms.ts';
import { ruleSenses } from './rule-senses.ts';

const PROMPT_TTL_SECONDS = 3_600;
const EXAMPLES_TTL_SECONDS = 30 * 86_400;
/** Statistics are asked of the store so often at most, ms. */
const STATISTICS_FRESH_MS = 10_000;
const DEFAULT_HOURS = 24;
/** Length of an answer where the model has given none lately, tokens. */
const USUAL_ANSWER_TOKENS = 500;

/** Decides by what needs no model's answer: rules, nearest examples, or how models did lately. */
export function createDecideRoute(rooms: Rooms): CadenzaActivities['decideRoute'] {
  const { store } = rooms;
  const embedTexts = createEmbedTexts(rooms);
  const statisticsOf = freshly((models: string[], hours: number) => modelStatistics(store.db, models, hours));

  return async (run, step, route, facts, place = step) => {
    const key = `route.decided:${place}`;
    const before = await decidedBefore(store.db, run.chain, key);
    if (before) return before;
    const decision = await decide(run, step, route, facts);
    await store.events.record(run, [
      { type: 'step.started', key: `step.started:${step}`, step },
      { type: 'route.decided', key, step, ...decision },
      { type: 'step.completed', key: `step.completed:${step}`, step },
    ]);
    return decision;
  };

  async function decide(run: RunRef, step: string, route: Route, facts: RouteFacts): Promise<RouteDecision> {
    switch (route.strategy) {
      case 'rules':
        return decideByRules(route, facts, await ruleSenses());
      case 'semantic':
        return decideByExamples(run, step, route, facts);
      case 'goal':
        return decideByGoal(route, await candidateFacts(route, facts));
      default:
        throw new Error(`A ${route.strategy} decides by asking models, which an activity does not`);
    }
  }

  async function decideByExamples(run: RunRef, step: string, route: SemanticRoute, facts: RouteFacts) {
    const { embeddings: model = DEFAULT_EMBEDDINGS, timeoutMs = DEFAULT_ROUTE_TIMEOUT_MS } = route;
    const common = { run, model, signal: AbortSignal.timeout(timeoutMs) };
    const examples = examplesOf(route).map(({ text }) => text);
    const [known, asked] = await Promise.all([
      embedTexts({ ...common, step: `${step}/examples`, texts: examples, ttlSeconds: EXAMPLES_TTL_SECONDS }),
      embedTexts({ ...common, step: `${step}/embed`, texts: [facts.text], ttlSeconds: PROMPT_TTL_SECONDS }),
    ]);
    const costUsd = (known.costUsd ?? 0) + (asked.costUsd ?? 0);
    const decision = decideByNearest(route, asked.vectors[0]!, known.vectors);
    return costUsd === 0 ? decision : { ...decision, costUsd };
  }

  async function candidateFacts(route: GoalRoute, facts: RouteFacts): Promise<CandidateFacts[]> {
    const models = route.candidates.map((choice) => {
      const policy = policyOfChoice(route, choice);
      const needsLookUp = typeof policy === 'string' ? isAlias(policy) : policy.candidates.some(isAlias);
      if (needsLookUp) return rooms.providers.resolvePolicy(policy).candidates[0]!;
      return typeof policy === 'string' ? policy : policy.candidates[0]!;
    });
    const statistics = await statisticsOf([...new Set(models)].sort(), route.hours ?? DEFAULT_HOURS);
    return route.candidates.map((choice, index) => {
      const model = models[index]!;
      const lately = statistics.find((one) => one.model === model);
      return candidateFactsOf(choice, lately, {
        usd: usdOf(model, facts, lately),
        quality: route.quality?.[choice] ?? rooms.config.quality[model],
      });
    });
  }

  function usdOf(model: string, facts: RouteFacts, lately: ModelStatistics | undefined): number | undefined {
    const outputTokens = Math.round(lately?.meanOutputTokens ?? USUAL_ANSWER_TOKENS);
    const usage = { inputTokens: Math.ceil(facts.tokens), outputTokens };
    return priceOf(model, usage, rooms.config.prices) ?? lately?.meanUsd;
  }
}

function candidateFactsOf(
  choice: string,
  lately: ModelStatistics | undefined,
  known: { usd?: number; quality?: number },
): CandidateFacts {
  if (!lately) return { choice, calls: 0, ...known };
  const { attempts, firstTokenMs, totalMs, errorRate } = lately;
  return { choice, calls: attempts, firstTokenMs, totalMs, errorRate, ...known };
}

/** Looks up the same again only after a while. */
function freshly<Arguments extends unknown[], Value>(
  look: (...given: Arguments) => Promise<Value>,
): (...given: Arguments) => Promise<Value> {
  const seen = new Map<string, { at: number; value: Promise<Value> }>();
  return (...given) => {
    const key = JSON.stringify(given);
    const last = seen.get(key);
    if (last && Date.now() - last.at < STATISTICS_FRESH_MS) return last.value;
    const value = look(...given);
    for (const [old, { at }] of seen) if (Date.now() - at >= STATISTICS_FRESH_MS) seen.delete(old);
    seen.set(key, { at: Date.now(), value });
    value.catch(() => seen.delete(key));
    return value;
  };
}
