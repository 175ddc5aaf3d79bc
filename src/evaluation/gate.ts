import type { Estimate, EvaluatedVariant, EvaluationGate, GateOutcome, VariantComparison } from '../contract/index.ts';

/** What a gate is held against. */
export interface Gated {
  variants: EvaluatedVariant[];
  comparisons: VariantComparison[];
  /** what `against` of the comparisons that count says; none where nothing is compared with */
  references: string[];
  /** why there is nothing to compare with, though there should be */
  missing?: string;
}

/** Whether an evaluation reached what it has to, with a reason for each thing it did not. */
export function passGate(gate: EvaluationGate, gated: Gated): GateOutcome {
  const held = gated.variants.filter(({ variant }) =>
    gate.variants ? gate.variants.includes(variant) : !gated.references.includes(`variant ${variant}`),
  );
  const reasons = held.flatMap((variant) => [
    ...minimums(gate, variant),
    ...maximums(gate, variant),
    ...gated.references.flatMap((reference) => comparedReasons(gate, variant, gated, reference)),
  ]);
  const missing = gated.missing === undefined ? [] : [gated.missing];
  return { passed: reasons.length + missing.length === 0, reasons: [...missing, ...reasons] };
}

function minimums(gate: EvaluationGate, { variant, score, passRate, scorers }: EvaluatedVariant): string[] {
  const wanted: [string, Estimate | undefined, number | undefined][] = [
    ['the score', score, gate.minScore],
    ['the share of rows that pass', passRate, gate.minPassRate],
    ...Object.entries(gate.scorers ?? {}).map(([name, least]): [string, Estimate | undefined, number] => [
      `"${name}"`,
      scorers[name],
      least,
    ]),
  ];
  return wanted.flatMap(([what, estimate, least]) => {
    if (least === undefined) return [];
    if (estimate === undefined) return [`${variant}: ${what} is not known of any row`];
    const reached = gate.by === 'low' ? estimate.low : estimate.mean;
    if (reached >= least) return [];
    const end = gate.by === 'low' ? ', and its lower end' : '';
    return [`${variant}: ${what} is ${written(estimate)}${end}, below ${least}`];
  });
}

function maximums(gate: EvaluationGate, { variant, costUsd, latencyMs, failed }: EvaluatedVariant): string[] {
  const { maxCostUsd, maxLatencyMs, maxFailed = 0 } = gate;
  const reasons: string[] = [];
  if (failed > maxFailed) reasons.push(`${variant}: ${failed} ${failed === 1 ? 'answer' : 'answers'} failed`);
  if (maxCostUsd !== undefined && costUsd === null) reasons.push(`${variant}: what a row costs is not known`);
  if (maxCostUsd !== undefined && costUsd !== null && costUsd.mean > maxCostUsd)
    reasons.push(`${variant}: a row costs $${costUsd.mean.toPrecision(3)}, more than $${maxCostUsd}`);
  if (maxLatencyMs !== undefined && latencyMs !== null && latencyMs.mean > maxLatencyMs)
    reasons.push(`${variant}: a row takes ${Math.round(latencyMs.mean)} ms, more than ${maxLatencyMs}`);
  return reasons;
}

/** Worse is what is worse beyond chance; with a margin, also what has not been shown to be within it. */
function comparedReasons(
  gate: EvaluationGate,
  { variant }: EvaluatedVariant,
  gated: Gated,
  reference: string,
): string[] {
  const found = gated.comparisons.find((one) => one.variant === variant && one.against === reference);
  if (!found) return [`${variant}: has no row in common with ${reference}`];
  const { score, worse, rows, against } = found;
  const byHowMuch = `${written(score)} over ${rows} rows, ${worse} of them worse`;
  if (score.high < 0) return [`${variant}: worse than ${against}, by ${byHowMuch}`];
  if (gate.margin !== undefined && score.low < -gate.margin)
    return [`${variant}: may be worse than ${against} by more than ${gate.margin}: ${byHowMuch}`];
  return [];
}

function written({ mean, low, high }: Estimate): string {
  const [middle, ...ends] = [mean, low, high].map((value) => value.toFixed(2));
  return `${middle} (${ends.join(' to ')})`;
}
