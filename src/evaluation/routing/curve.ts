/**
 * Quality against cost of routers, by the measures of RouteLLM (Ong et al. 2024, "RouteLLM: Learning to Route LLMs with
 * Preference Data", arXiv 2406.18665, section "Metrics"): the share of calls that go to the strong model on one side,
 * the performance gap recovered (PGR) on the other.
 */

/** A router over a data set, means a prompt. */
export interface Point {
  /** mean score, 0..1 */
  quality: number;
  /** mean cost, USD */
  costUsd: number;
  /** share of prompts the strong model was asked for, 0..1 */
  strongShare: number;
}

/** The weak model's and the strong model's own points: all prompts asked of one. */
export interface Ends {
  weak: Point;
  strong: Point;
}

/** Performance gap recovered: 0 at the weak model's quality, 1 at the strong one's. Undefined where there is no gap. */
export function pgr(quality: number, { weak, strong }: Ends): number | undefined {
  const gap = strong.quality - weak.quality;
  return gap > 0 ? (quality - weak.quality) / gap : undefined;
}

/**
 * Average performance gap recovered: the area under PGR over the share of strong calls, from none to all. Random routing
 * has 0.5. Between points lies the line on which a router stands that is one of them at random; the paper sums ten bars.
 */
export function apgr(points: Point[], ends: Ends): number | undefined {
  const curve = pgrCurve(points, ends);
  if (!curve) return undefined;
  return curve.slice(1).reduce((area, [share, recovered], index) => {
    const [before, recoveredBefore] = curve[index]!;
    return area + ((share - before) * (recovered + recoveredBefore)) / 2;
  }, 0);
}

/** Call-performance threshold: the least share of strong calls that recovers so much of the gap. @param target 0..1 */
export function cpt(points: Point[], ends: Ends, target: number): number | undefined {
  const curve = pgrCurve(points, ends);
  if (!curve) return undefined;
  const reached = curve.findIndex(([, recovered]) => recovered >= target);
  if (reached <= 0) return curve[reached]?.[0];
  const [before, recoveredBefore] = curve[reached - 1]!;
  const [share, recovered] = curve[reached]!;
  return before + ((target - recoveredBefore) / (recovered - recoveredBefore)) * (share - before);
}

/** [share of strong calls, PGR] from the weak model to the strong one; of points with the same share the best. */
function pgrCurve(points: Point[], ends: Ends): [number, number][] | undefined {
  if (pgr(0, ends) === undefined) return undefined;
  const best = new Map<number, number>();
  for (const { strongShare, quality } of [ends.weak, ...points, ends.strong]) {
    best.set(strongShare, Math.max(best.get(strongShare) ?? -Infinity, pgr(quality, ends)!));
  }
  return [...best].sort((a, b) => a[0] - b[0]);
}

/**
 * The least one must pay (USD a prompt) for a quality, by the points themselves or by choosing between two of them at
 * random; undefined where none is as good.
 */
export function costOfQuality(points: Point[], quality: number): number | undefined {
  const enough = points.filter((point) => point.quality >= quality).map(({ costUsd }) => costUsd);
  const mixed = points.flatMap((low) =>
    points
      .filter((high) => low.quality < quality && quality < high.quality)
      .map((high) => {
        const share = (quality - low.quality) / (high.quality - low.quality);
        return low.costUsd + share * (high.costUsd - low.costUsd);
      }),
  );
  const costs = [...enough, ...mixed];
  return costs.length === 0 ? undefined : Math.min(...costs);
}

export interface Saving {
  /** cost of the router's own point against that of the strong model alone, 0..1; below 0 it costs more */
  againstStrong: number;
  /** the same at the strong model's quality, which the router's curve reaches at some threshold */
  atStrongQuality: number;
  /** against choosing weak and strong at random, so often that the quality is the router's; undefined where no mix is as good */
  againstRandom?: number;
}

/** @param curve the router's points at all thresholds */
export function savingOf(point: Point, curve: Point[], ends: Ends): Saving {
  const { weak, strong } = ends;
  const random = costOfQuality([weak, strong], point.quality);
  const atStrongQuality = costOfQuality([...curve, point, weak, strong], strong.quality)!;
  return {
    againstStrong: share(point.costUsd, strong.costUsd),
    atStrongQuality: share(atStrongQuality, strong.costUsd),
    ...(random === undefined ? {} : { againstRandom: share(point.costUsd, random) }),
  };
}

/** What is saved by paying the one instead of the other. */
function share(cost: number, instead: number): number {
  return instead === 0 ? 0 : 1 - cost / instead;
}
