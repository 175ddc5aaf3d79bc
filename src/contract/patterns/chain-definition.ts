import { z } from 'zod';
import { later } from '../later.ts';
import { JsonSchema } from '../models.ts';
import { PolicyRef } from '../policy.ts';
import { Condition } from './chain-condition.ts';

/** Most items one step goes over, and most rounds of a loop: beyond, a run's history grows too long. */
export const MOST_ITEMS = 500;
export const MOST_ROUNDS = 50;
/** Most calls and sub-runs of one chain. Each takes about 7 events of its history, and 3 more for each time it waits out an
 *  outage; Temporal ends a history at 51,200. */
export const MOST_CALLS = 2_000;

const StepName = later(() =>
  z
    .string()
    .regex(
      /^[A-Za-z][\w-]{0,63}$/,
      'A step id begins with a letter and goes on with letters, digits, _ and - (64 at most)',
    ),
);

const Repeat = later(() =>
  z.strictObject({
    /** looked at after each round; the loop ends when it holds */
    until: Condition.optional(),
    /** most rounds; after them the chain goes on with what the last one gave */
    max: z.number().int().min(1).max(MOST_ROUNDS),
  }),
);

/**
 * One step: it asks a model (`prompt`), starts a run of another pattern (`pattern`, `input`), or holds other steps, one
 * after the other (`steps`) or at once (`parallel`).
 */
export const ChainStep = later(() =>
  z.strictObject({
    id: StepName.optional(),
    prompt: z.string().min(1).optional(),
    system: z.string().optional(),
    policy: PolicyRef.optional(),
    schema: JsonSchema.optional(),
    pattern: z.string().min(1).optional(),
    input: z.unknown().optional(),
    get parallel(): z.ZodOptional<z.ZodArray<typeof ChainStep>> {
      return z.array(ChainStep).min(1).optional();
    },
    get steps(): z.ZodOptional<z.ZodArray<typeof ChainStep>> {
      return z.array(ChainStep).min(1).optional();
    },
    /** the step is skipped unless this holds */
    when: Condition.optional(),
    /** one reference to a list: the step is done for each of its items, `{{item}}` */
    forEach: z.string().optional(),
    repeat: Repeat.optional(),
    /** most at once, of the items of `forEach` or the members of `parallel` */
    concurrency: z.number().int().min(1).max(64).optional(),
  }),
);
export type ChainStep = z.infer<typeof ChainStep>;

/** A chain as JSON gives it, its references not yet checked. */
export const ChainDefinition = later(() =>
  z.strictObject({
    /** what `{{input.x}}` stands for */
    input: z.unknown().optional(),
    steps: z.array(ChainStep).min(1, 'A chain needs at least one step'),
    /** a template, or any JSON with templates in it; left out, what the last step gave */
    output: z.unknown().optional(),
    /** of the steps that name none */
    policy: PolicyRef.optional(),
  }),
);
export type ChainDefinition = z.infer<typeof ChainDefinition>;

/** The ids of all steps in a step that give something, in order: its own, or those of its members. */
export function idsIn({ id, parallel, steps }: ChainStep): string[] {
  const members = parallel ?? steps;
  return members ? members.flatMap(idsIn) : [id!];
}
