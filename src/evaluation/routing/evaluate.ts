import { refusal } from '../../client/errors.ts';
import { labelsOf, type Route } from '../../contract/index.ts';
import { apgr, cpt, type Ends, type Point, pgr, type Saving, savingOf } from './curve.ts';
import { atAllThresholds, type Prepared, type Replayed, type Replaying, replay } from './replay.ts';

export interface RouterResult {
  name: string;
  strategy: Route['strategy'];
  /** as it is configured */
  point: Point;
  /** at every threshold it could have */
  curve: Point[];
  pgr?: number;
  apgr?: number;
  cpt50?: number;
  cpt80?: number;
  saving: Saving;
  /** how many prompts went where */
  choices: Record<string, number>;
  decisions: Replayed[];
}

export interface Evaluation {
  records: number;
  weak: string;
  strong: string;
  /** every label by itself: all prompts asked of it */
  alone: Record<string, Point>;
  routers: RouterResult[];
}

export interface Evaluate {
  routes: Record<string, Route>;
  prepared: Prepared[];
  replaying: Replaying;
  /** else the cheapest label, and of the others the best one */
  weak?: string;
  strong?: string;
}

/** Replays a data set through routers, and measures each between the weak model alone and the strong one alone. */
export function evaluate({ routes, prepared, replaying, ...given }: Evaluate): Evaluation {
  const labels = [...new Set(Object.values(routes).flatMap(labelsOf))];
  if (labels.length < 2)
    throw refusal('InvalidRequest', `There is nothing to choose between: the routes know "${labels[0]}" alone.`);
  const outcomes = new Map(labels.map((label) => [label, outcomesOf(label)]));
  const means = labels.map((label) => ({ label, ...meanOf(outcomes.get(label)!) }));
  const byCost = [...means].sort((a, b) => a.costUsd - b.costUsd || a.quality - b.quality);
  const weak = named(given.weak, labels, 'weak') ?? byCost.find(({ label }) => label !== given.strong)!.label;
  const byQuality = [...means].sort((a, b) => b.quality - a.quality || a.costUsd - b.costUsd);
  const strong = named(given.strong, labels, 'strong') ?? byQuality.find(({ label }) => label !== weak)!.label;

  const alone = Object.fromEntries(
    means.map(({ label, quality, costUsd }) => [label, { quality, costUsd, strongShare: Number(label === strong) }]),
  );
  const ends: Ends = { weak: alone[weak]!, strong: alone[strong]! };
  const routers = Object.entries(routes).map(([name, route]) => resultOf(name, route, ends));
  return { records: prepared.length, weak, strong, alone, routers };

  function outcomesOf(label: string) {
    const route = Object.values(routes).find((one) => labelsOf(one).includes(label))!;
    return prepared.map((one) => replaying.outcome(route, one, label));
  }

  function resultOf(name: string, route: Route, ends: Ends): RouterResult {
    const decisionsOf = (one: Route) => prepared.map((each) => replay(name, one, each, replaying));
    const decisions = decisionsOf(route);
    const point = pointOf(decisions, strong);
    const curve = atAllThresholds(route).map((one) => pointOf(decisionsOf(one), strong));
    const points = [...curve, point];
    const choices: Record<string, number> = {};
    for (const { choice } of decisions) choices[choice] = (choices[choice] ?? 0) + 1;
    return {
      name,
      strategy: route.strategy,
      point,
      curve,
      pgr: pgr(point.quality, ends),
      apgr: apgr(points, ends),
      cpt50: cpt(points, ends, 0.5),
      cpt80: cpt(points, ends, 0.8),
      saving: savingOf(point, curve, ends),
      choices,
      decisions,
    };
  }
}

export function pointOf(decisions: Replayed[], strong: string): Point {
  const { quality, costUsd } = meanOf(decisions);
  return {
    quality,
    costUsd,
    strongShare: decisions.filter(({ asked }) => asked.includes(strong)).length / decisions.length,
  };
}

function meanOf(outcomes: { score: number; costUsd: number }[]): { quality: number; costUsd: number } {
  const mean = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  return { quality: mean(outcomes.map(({ score }) => score)), costUsd: mean(outcomes.map(({ costUsd }) => costUsd)) };
}

function named(label: string | undefined, labels: string[], end: 'weak' | 'strong'): string | undefined {
  if (label === undefined || labels.includes(label)) return label;
  throw refusal('InvalidRequest', `The ${end} baseline "${label}" is chosen by no route. Known: ${labels.join(', ')}.`);
}
