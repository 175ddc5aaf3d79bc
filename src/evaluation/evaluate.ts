import type { Cadenza } from '../client/cadenza.ts';
import { checked } from '../client/errors.ts';
import {
  type Baseline,
  type EvaluatedVariant,
  EvaluationDefinition,
  type EvaluationInput,
  type EvaluationReport,
  withoutUndefined,
} from '../contract/index.ts';
import type { PriceOverrides } from '../providers/index.ts';
import { askVariants } from './ask-variants.ts';
import { baselineOfGate } from './baselines.ts';
import { comparisonsOf } from './compare-variants.ts';
import type { MapsOptions } from './follow-maps.ts';
import { passGate } from './gate.ts';
import { createPurse } from './purse.ts';
import { loadRows } from './read-evaluation.ts';
import { checkScorers, scoreAnswers } from './score-answers.ts';
import { measureOf, scoreRows, summarize } from './score-rows.ts';
import type { ScoreFunction, Scores } from './scoring.ts';
import { rowKeys, runNames, variantsOf } from './variants.ts';

export interface EvaluateOptions {
  /** where the files that the evaluation names lie; else the working folder */
  folder?: string;
  /** names answers of their own: all is asked anew, and once only for one token */
  fresh?: string;
  /** only so many of the rows, the first ones */
  rows?: number;
  /** results to be held against, with what people call them; else those the gate names */
  baseline?: { name: string; baseline: Baseline };
  /** scorers of the caller's own, by their names */
  functions?: Record<string, ScoreFunction>;
  /** for models whose price is not known, and others than are listed */
  prices?: PriceOverrides;
  /** ends the waiting; what was started goes on, and evaluated again is found where it is */
  signal?: AbortSignal;
  onProgress?(progress: EvaluationProgress): void;
}

/** How far the answers are, or those of a judge; in rows, over all variants and repeats. */
export interface EvaluationProgress {
  what: 'answers' | 'scores';
  done: number;
  failed: number;
  total: number;
  costUsd: number | null;
}

const DEFAULT_CONCURRENCY = 16;

/**
 * Asks every row in every variant, as often as is wanted, scores the answers, and compares.
 *
 *   rows --> a map for each variant and repeat --> answers --> scorers --> rows' means --> intervals, comparisons, gate
 *                                                     |
 *                                                     +--> judges: a map each; similarity: embed
 *
 * All that costs is a run, named by what it does: an evaluation that is killed, or made again, finds its runs, and pays for
 * nothing twice. Rows that failed are asked again.
 * @param client whose runs they are: one with a tenant (`client.as`) evaluates for the tenant
 * @throws CadenzaError before anything is started where it cannot work; the signal's reason
 */
export async function evaluate(
  client: Cadenza,
  given: EvaluationInput,
  options: EvaluateOptions = {},
): Promise<EvaluationReport> {
  const { folder = process.cwd(), functions = {}, fresh, prices, signal, onProgress } = options;
  const definition = checked(EvaluationDefinition, given, 'evaluation');
  const { name: evaluation, scorers, repeats, confidence, concurrency = DEFAULT_CONCURRENCY } = definition;
  const items = (await loadRows(definition.data, folder, client)).slice(0, options.rows);
  const variants = variantsOf(definition, items);
  await checkScorers(scorers, items, { folder, functions });
  const held = await baselineOfGate(client, definition, folder, options.baseline);

  const names = runNames(evaluation, fresh);
  const purse = createPurse(definition.budgetUsd);
  const runs = (what: EvaluationProgress['what']): MapsOptions =>
    withoutUndefined({
      metadata: { evaluation },
      signal,
      onProgress: onProgress && ((progress) => onProgress({ what, ...progress })),
    });

  const asked = await askVariants(
    { client, names, purse, runs: runs('answers'), concurrency, prices },
    variants,
    items,
    repeats,
  );
  const { answers } = asked;
  const rooms = { client, names, purse, folder, functions, runs: runs('scores'), concurrency };
  const scores: Scores[] = [];
  for (const scorer of scorers) scores.push(await scoreAnswers(scorer, answers, rooms));

  const measures = scorers.map(measureOf);
  const keys = rowKeys(items);
  const evaluated = variants.map(({ name, pattern, promptHash }): EvaluatedVariant => {
    const mine = [...answers.keys()].filter((index) => answers[index]!.variant === name);
    const of = <Value>(list: Value[]) => mine.map((index) => list[index]!);
    const rows = scoreRows(of(answers), measures, scores.map(of), keys);
    return { variant: name, pattern, promptHash, ...asked.of(name), ...summarize(rows, measures, confidence) };
  });
  const compared = comparisonsOf(definition, evaluated, held);
  const gate = definition.gate ?? (options.baseline && {});
  return withoutUndefined({
    ...{ evaluation, rows: items.length, repeats, confidence, spentUsd: purse.spentUsd(), variants: evaluated },
    comparisons: compared.comparisons,
    gate: gate && passGate(gate, { variants: evaluated, ...compared }),
  });
}
