import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError, checked, refusal } from '../client/errors.ts';
import { Baseline, type EvaluatedVariant, type EvaluationDefinition } from '../contract/index.ts';

/** A baseline, with what people call it. */
export interface NamedBaseline {
  name: string;
  baseline: Baseline;
}

/** What an evaluation is held against, or why that is not there. */
export type HeldAgainst = NamedBaseline | { missing: string } | undefined;

/** A baseline kept in a file (`*.json`), which may stand in git, or in the store. @throws CadenzaError where there is none */
export async function findBaseline(client: Cadenza, name: string, folder: string): Promise<NamedBaseline> {
  if (!name.endsWith('.json')) return { name, baseline: await client.baselines.find(name) };
  const file = path.resolve(folder, name);
  if (!existsSync(file)) {
    const hint = `Keep one with: cadenza eval <file> --save-baseline ${name}`;
    throw refusal('NotFound', `There is no baseline "${file}"`, { hint, path: 'baseline' });
  }
  return { name, baseline: checked(Baseline, JSON.parse(readFileSync(file, 'utf8')), name) };
}

/** The one that was asked for, else the one the gate names, which may not be there yet: then nothing passes. */
export async function baselineOfGate(
  client: Cadenza,
  { gate }: EvaluationDefinition,
  folder: string,
  given?: NamedBaseline,
): Promise<HeldAgainst> {
  const than = gate?.notWorseThan;
  if (given !== undefined || than === undefined || !('baseline' in than)) return given;
  return findBaseline(client, than.baseline, folder).catch((error: unknown) => {
    if (!(error instanceof CadenzaError && error.code === 'NotFound')) throw error;
    const { message, hint } = error.error;
    return { missing: `${message}. ${hint}` };
  });
}

/** What is kept of an evaluation: scores, and nothing of what was said. @param savedAt ISO */
export function baselineOf(evaluation: string, variants: EvaluatedVariant[], savedAt: string): Baseline {
  return {
    kind: 'cadenza-baseline',
    version: 1,
    evaluation,
    savedAt,
    variants: Object.fromEntries(
      variants.map(({ variant, promptHash, models, rows }) => [
        variant,
        { promptHash, models, rows: rows.map(({ row: _, item: __, answers: ___, ...kept }) => kept) },
      ]),
    ),
  };
}
