import { z } from 'zod';
import { later } from '../later.ts';
import { Answer } from '../models.ts';
import { type ChainPatterns, chainProblems } from './chain-check.ts';
import { ChainDefinition } from './chain-definition.ts';

/** Chains whose every reference leads somewhere. @param patterns those a step may run */
export function chainInput(patterns: () => ChainPatterns) {
  return ChainDefinition.superRefine((definition, context) => {
    if (context.issues.length > 0) return;
    for (const { path, message } of chainProblems(definition, patterns())) {
      context.addIssue({ code: 'custom', path, message });
    }
  });
}

/** What a step gave: an answer; of a step with `forEach` all of them; of a sub-run its result and its id. */
export const ChainStepResult = later(() =>
  z.union([
    Answer.extend({ rounds: z.number().int().optional() }),
    z.object({ items: z.array(z.unknown()), text: z.string() }),
    z.object({ run: z.string(), pattern: z.string(), result: z.unknown(), text: z.string() }),
  ]),
);
export type ChainStepResult = z.infer<typeof ChainStepResult>;

export const ChainResult = later(() =>
  z.object({
    /** by step id; a step that was skipped is not there */
    steps: z.record(z.string(), ChainStepResult),
    output: z.unknown(),
  }),
);
export type ChainResult = z.infer<typeof ChainResult>;
