import type { RouteDecision } from './decision.ts';
import type { GoalRoute } from './definition.ts';

const DEFAULT_MIN_CALLS = 5;

/** What is known of a candidate. What is not known is left out, and speaks neither for it nor against it. */
export interface CandidateFacts {
  choice: string;
  /** attempts the latency and error rate are of */
  calls: number;
  /** estimated for this request */
  usd?: number;
  /** median, ms */
  firstTokenMs?: number;
  totalMs?: number;
  /** 0..1 */
  errorRate?: number;
  quality?: number;
}

/** The candidate that serves the goal best among those that meet the constraints; the default where none does. */
export function decideByGoal(route: GoalRoute, candidates: CandidateFacts[]): RouteDecision {
  const known = candidates.map((candidate) => believed(candidate, route.minCalls ?? DEFAULT_MIN_CALLS));
  const rejected = known.flatMap((candidate) => {
    const reason = reasonAgainst(candidate, route);
    return reason === undefined ? [] : [{ choice: candidate.choice, reason }];
  });
  const fit = known
    .filter(({ choice }) => !rejected.some((one) => one.choice === choice))
    .sort((a, b) => worth(route.goal, b) - worth(route.goal, a) || (a.usd ?? Infinity) - (b.usd ?? Infinity) || 0);
  const [best, ...others] = fit;
  if (!best) return { choice: route.default, reason: 'No candidate meets the constraints: the default', rejected };
  return {
    choice: best.choice,
    reason: `The ${route.goal} of ${fit.length}: ${inWords(best)}`,
    rejected: [
      ...rejected,
      ...others.map((other) => ({ choice: other.choice, reason: `Less ${ADJECTIVES[route.goal]}: ${inWords(other)}` })),
    ],
    ...(others.length > 0 ? { alternatives: others.map(({ choice }) => choice) } : {}),
  };
}

const ADJECTIVES = { cheapest: 'cheap', fastest: 'fast', best: 'good' } as const;

/** Without the latency and errors of too few calls. */
function believed(candidate: CandidateFacts, minCalls: number): CandidateFacts {
  if (candidate.calls >= minCalls) return candidate;
  const { choice, calls, usd, quality } = candidate;
  return { choice, calls, usd, quality };
}

function reasonAgainst(candidate: CandidateFacts, { goal, constraints = {} }: GoalRoute): string | undefined {
  const { usd, firstTokenMs, totalMs, errorRate, quality } = candidate;
  const { maxUsdPerCall, maxFirstTokenMs, maxTotalMs, maxErrorRate } = constraints;
  if (maxUsdPerCall !== undefined && usd === undefined) return 'Its price is not known';
  if (maxUsdPerCall !== undefined && usd! > maxUsdPerCall)
    return `About ${shownUsd(usd!)} a call, above $${maxUsdPerCall}`;
  if (isAbove(firstTokenMs, maxFirstTokenMs))
    return `First token after ${ms(firstTokenMs!)}, above ${ms(maxFirstTokenMs!)}`;
  if (isAbove(totalMs, maxTotalMs)) return `Answers in ${ms(totalMs!)}, above ${ms(maxTotalMs!)}`;
  if (isAbove(errorRate, maxErrorRate))
    return `${percent(errorRate!)} of its calls failed, above ${percent(maxErrorRate!)}`;
  return goal === 'best' && quality === undefined ? 'Its quality is not known' : undefined;
}

function isAbove(value: number | undefined, limit: number | undefined): boolean {
  return value !== undefined && limit !== undefined && value > limit;
}

/** What is not known comes last. */
function worth(goal: GoalRoute['goal'], { usd, firstTokenMs, quality }: CandidateFacts): number {
  const value = goal === 'best' ? quality : goal === 'cheapest' ? usd && -usd : firstTokenMs && -firstTokenMs;
  return value ?? -1e12;
}

function inWords({ calls, usd, firstTokenMs, errorRate, quality }: CandidateFacts): string {
  const said = [
    usd === undefined ? 'price not known' : `about ${shownUsd(usd)} a call`,
    firstTokenMs === undefined ? undefined : `first token after ${ms(firstTokenMs)}`,
    errorRate === undefined ? undefined : `${percent(errorRate)} failed`,
    quality === undefined ? undefined : `quality ${quality}`,
    calls === 0 ? 'no calls yet' : `${calls} calls`,
  ];
  return said.filter((words) => words !== undefined).join(', ');
}

const shownUsd = (usd: number) => `$${usd.toPrecision(3)}`;
const ms = (value: number) => `${Math.round(value)} ms`;
const percent = (share: number) => `${Math.round(share * 1_000) / 10} %`;
