import { z } from 'zod';
import { CallError } from './errors.ts';
import { Message } from './messages.ts';
import { Answer, JsonSchema, ModelRef } from './models.ts';
import { PolicyRef } from './policy.ts';

/** What is asked: a prompt, or a conversation so far. */
const question = {
  prompt: z.string().min(1).optional(),
  messages: z.array(Message).min(1).optional(),
  system: z.string().optional(),
};

const oneQuestion = (input: { prompt?: string; messages?: unknown[] }) =>
  (input.prompt === undefined) !== (input.messages === undefined);
const ONE_QUESTION = { message: 'Give either prompt or messages', path: ['prompt'] };

export const AskInput = z
  .strictObject({ ...question, policy: PolicyRef.optional(), schema: JsonSchema.optional() })
  .refine(oneQuestion, ONE_QUESTION);
export type AskInput = z.infer<typeof AskInput>;
export const AskResult = Answer;
export type AskResult = z.infer<typeof AskResult>;

/** What a judge says of answers: a score (0..1) and a reason each, and the model it found best. */
export const Verdict = z.object({
  best: ModelRef,
  reason: z.string(),
  scores: z.array(z.object({ model: ModelRef, score: z.number().min(0).max(1), reason: z.string() })),
});
export type Verdict = z.infer<typeof Verdict>;

export const CompareInput = z
  .strictObject({
    ...question,
    models: z.array(ModelRef).min(1).max(32),
    /** policy for each of the models; its candidates are replaced by the one model */
    policy: PolicyRef.optional(),
    schema: JsonSchema.optional(),
    /** policy or model that says which answer is best */
    judge: PolicyRef.optional(),
    /** policy or model that makes one answer of all */
    merge: PolicyRef.optional(),
  })
  .refine(oneQuestion, ONE_QUESTION)
  .refine((input) => new Set(input.models).size === input.models.length, {
    message: 'Each model once',
    path: ['models'],
  });
export type CompareInput = z.infer<typeof CompareInput>;

const TimedAnswer = Answer.extend({ firstTokenMs: z.number().optional(), totalMs: z.number().optional() });
export const ComparedAnswer = z.union([TimedAnswer, z.object({ model: ModelRef, error: CallError })]);
export type ComparedAnswer = z.infer<typeof ComparedAnswer>;

export const CompareResult = z.object({
  answers: z.array(ComparedAnswer),
  verdict: Verdict.optional(),
  merged: Answer.optional(),
});
export type CompareResult = z.infer<typeof CompareResult>;

/** The patterns that run from JSON alone, by their workflow type. */
export const PATTERNS = {
  ask: { input: AskInput, result: AskResult, summary: 'Ask one question of the first candidate that can answer it' },
  compare: { input: CompareInput, result: CompareResult, summary: 'Ask several models at once and keep every answer' },
} as const;

export type PatternName = keyof typeof PATTERNS;
export type PatternInput<Name extends PatternName> = z.input<(typeof PATTERNS)[Name]['input']>;
export type PatternResult<Name extends PatternName> = z.infer<(typeof PATTERNS)[Name]['result']>;

export function isPattern(name: string): name is PatternName {
  return Object.hasOwn(PATTERNS, name);
}
