import type { Cadenza } from '../client/cadenza.ts';
import { withoutUndefined } from '../contract/index.ts';
import type { PriceOverrides } from '../providers/index.ts';
import { followMaps, type MapsOptions, uploadRows } from './follow-maps.ts';
import { measureRows } from './measure-rows.ts';
import type { Purse } from './purse.ts';
import type { Answered } from './scoring.ts';
import { questionOf, type RunNames, type Variant } from './variants.ts';

export interface AskingRooms {
  client: Cadenza;
  names: RunNames;
  purse: Purse;
  runs: MapsOptions;
  /** rows asked at once, over all maps */
  concurrency: number;
  prices?: PriceOverrides;
}

/** Answers of all variants, and of each its maps and the models that answered. */
export interface AskedVariants {
  answers: Answered[];
  of(variant: string): { runs: string[]; models: string[] };
}

/** Asks every row in every variant, by one map a repeat: of the same evaluation the same maps. */
export async function askVariants(
  { client, names, purse, runs, concurrency, prices }: AskingRooms,
  variants: Variant[],
  items: unknown[],
  repeats: number,
): Promise<AskedVariants> {
  const source = await uploadRows(client, items);
  const wanted = variants.flatMap((variant) =>
    Array.from({ length: repeats }, (_, index) => ({ variant, repeat: index + 1 })),
  );
  const each = Math.max(1, Math.floor(concurrency / wanted.length));
  const maps = await followMaps(
    client,
    wanted.map(({ variant, repeat }) => {
      const { name, promptHash: _, ...asked } = variant;
      return {
        id: `${names.name(name, [asked, items])}${repeat === 1 ? '' : `-repeat-${repeat}`}`,
        input: { ...asked, source, concurrency: each },
        cacheScope: names.scope(repeat),
      };
    }),
    { ...runs, budgetUsd: purse.share(wanted.length) },
  );
  for (const { costUsd } of maps) purse.spend(costUsd);

  const answers = await Promise.all(
    wanted.map(async ({ variant, repeat }, index): Promise<Answered[]> => {
      const map = maps[index]!;
      const measured = await measureRows(client, map, variant.pattern, prices);
      return map.items.map(({ row, input: item, answer: result, error }) =>
        withoutUndefined({
          ...{ variant: variant.name, row, item, repeat, run: map.id, result, error },
          question: questionOf(variant, { row, item }),
          ...measured.get(row)!,
        }),
      );
    }),
  );
  return {
    answers: answers.flat(),
    of(variant) {
      const own = maps.filter((_, index) => wanted[index]!.variant.name === variant);
      return { runs: own.map(({ id }) => id), models: [...new Set(own.flatMap(({ models }) => models))].sort() };
    },
  };
}
