import { z } from 'zod';
import { DataSetId, gatherFields } from '../data-sets.ts';
import { CallError, invalidRequest } from '../errors.ts';
import { later } from '../later.ts';
import { suggestion } from '../nearest-names.ts';
import { PolicyRef } from '../policy.ts';
import { RunId } from '../runs.ts';
import { type ChainPatterns, inputProblems } from './chain-check.ts';
import type { ChainProblem } from './chain-form.ts';
import { fillInInput } from './fill-in-input.ts';
import { type DataRow, fillInRow, rowTemplateProblems, WHOLE_ITEM } from './map-template.ts';

/** Most rows that may stand in the input itself; more are uploaded. */
export const MOST_INLINE_ITEMS = 10_000;
/** Rows worked on at once, where a map does not say. */
export const DEFAULT_MAP_CONCURRENCY = 16;

/** Patterns that do not end by themselves, or are a map already. */
const NOT_FOR_ROWS = ['map', 'conversation'];

/** A map as JSON gives it, its template not yet checked. */
export const MapDefinition = later(() =>
  z.strictObject({
    /** the pattern that is run for each row */
    pattern: z.string().min(1),
    /** the rows, where they are few */
    items: z.array(z.unknown()).min(1, 'A map needs at least one row').max(MOST_INLINE_ITEMS).optional(),
    /** or the data set they are in */
    source: DataSetId.optional(),
    /** the pattern's input: JSON with templates over `{{item.x}}` and `{{row}}`; left out, each row is an input itself */
    input: z.unknown().optional(),
    /** rows worked on at once */
    concurrency: z.number().int().min(1).max(256).optional(),
    /** of rows whose input names none */
    policy: PolicyRef.optional(),
    /** an earlier map over the same data: what it answered is taken over, and only the other rows are worked on */
    after: RunId.optional(),
  }),
);
export type MapDefinition = z.infer<typeof MapDefinition>;

/** Maps that could be started as they are. @param patterns those that may be run for a row */
export function mapInput(patterns: () => ChainPatterns) {
  return MapDefinition.superRefine((definition, context) => {
    if (context.issues.length > 0) return;
    const fields = definition.items?.reduce<string[] | undefined>(gatherFields, []);
    for (const { path, message } of mapProblems(definition, patterns(), fields)) {
      context.addIssue({ code: 'custom', path, message });
    }
  });
}

/** What would go wrong with every row. @param fields those the rows have, where that is known */
export function mapProblems(definition: MapDefinition, patterns: ChainPatterns, fields?: string[]): ChainProblem[] {
  const { pattern, items, source, input = WHOLE_ITEM } = definition;
  if ((items === undefined) === (source === undefined)) {
    return [{ path: ['items'], message: 'Give either items or source, the id of a data set' }];
  }
  const usable = Object.keys(patterns).filter((name) => !NOT_FOR_ROWS.includes(name));
  if (!usable.includes(pattern)) {
    const why = NOT_FOR_ROWS.includes(pattern) ? `A row cannot be a ${pattern}` : `There is no pattern "${pattern}"`;
    return [{ path: ['pattern'], message: `${why}.${suggestion(pattern, usable)}` }];
  }
  const templates = rowTemplateProblems(input, fields);
  const inside =
    templates.length > 0 ? templates : inputProblems(patterns[pattern]!.input, withPolicy(definition), input);
  return inside.map(({ path, message }) => ({ path: ['input', ...path], message }));
}

/** The input of one row's run. @returns what is wrong with it, where the row does not give what the pattern needs */
export function inputOfRow(
  definition: Pick<MapDefinition, 'pattern' | 'input' | 'policy'>,
  patterns: ChainPatterns,
  data: DataRow,
): { input: unknown } | { error: CallError } {
  const filled = fillInRow(withPolicy(definition), data, (template, lookUp) =>
    fillInInput(definition.pattern, template, lookUp),
  );
  if ('problem' in filled) return { error: { type: 'InvalidRequest', message: filled.problem } };
  // The template may be the whole item, which then lacks the policy.
  const input = withPolicy({ ...definition, input: filled.input });
  const parsed = patterns[definition.pattern]!.input.safeParse(input);
  return parsed.success ? { input } : { error: invalidRequest(parsed.error, `Row ${data.row}, input`) };
}

function withPolicy({ input = WHOLE_ITEM, policy }: Pick<MapDefinition, 'input' | 'policy'>): unknown {
  if (policy === undefined || typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  // A route chooses the policy itself.
  return 'route' in input ? input : { policy, ...input };
}

export const MapResult = later(() =>
  z.object({
    /** rows that have an answer, and rows that failed */
    done: z.number().int(),
    failed: z.number().int(),
    /** the data set of the results, a `MapItem` each, in the order of the rows */
    output: DataSetId,
  }),
);
export type MapResult = z.infer<typeof MapResult>;

export const MapItemStatus = later(() => z.enum(['waiting', 'done', 'failed']));
export type MapItemStatus = z.infer<typeof MapItemStatus>;

/** What became of one row. */
export const MapItem = later(() =>
  z.object({
    /** from 1 */
    row: z.number().int(),
    /** the row as the data set has it */
    input: z.unknown(),
    status: MapItemStatus,
    /** the pattern's result */
    answer: z.unknown().optional(),
    error: CallError.optional(),
  }),
);
export type MapItem = z.infer<typeof MapItem>;

export const ListItems = later(() =>
  z.object({
    status: MapItemStatus.optional(),
    /** begin after this row */
    after: z.coerce.number().int().nonnegative().default(0),
    limit: z.coerce.number().int().min(1).max(1_000).default(100),
  }),
);
export type ListItems = z.input<typeof ListItems>;

export const ItemPage = later(() =>
  z.object({
    items: z.array(MapItem),
    /** where the next page begins; left out on the last one */
    nextAfter: z.number().int().optional(),
  }),
);
export type ItemPage = z.infer<typeof ItemPage>;
