import { z } from 'zod';
import { refusal } from '../../client/errors.ts';
import { deepestIssue, fieldPath, Message } from '../../contract/index.ts';
import { hasText, isText, lastNumber } from '../text-scores.ts';

/** How an answer is held against what was expected. */
export const Scorer = z.enum(['exact', 'contains', 'number']);
export type Scorer = z.infer<typeof Scorer>;

const Share = z.number().min(0).max(1);

/** What one model (or policy) made of a prompt. */
const Recorded = z.object({
  /** how good the answer was, 0..1; else `answer` is scored against what was expected */
  score: Share.optional(),
  answer: z.string().optional(),
  /** else estimated from the model's price */
  costUsd: z.number().nonnegative().optional(),
  /** what a cascade's check said of the answer, 0..1; else its score stands in for it */
  check: Share.optional(),
  /** what that check cost */
  checkUsd: z.number().nonnegative().optional(),
  firstTokenMs: z.number().nonnegative().optional(),
});

/** One line of a labelled data set. */
export const EvalRecord = z
  .object({
    prompt: z.string().min(1).optional(),
    messages: z.array(Message).min(1).optional(),
    system: z.string().optional(),
    tenant: z.string().optional(),
    metadata: z.record(z.string(), z.unknown()).optional(),
    /** by the label or the model */
    models: z.record(z.string(), Recorded).default({}),
    /** the right choice: it scores 1, any other 0 */
    label: z.string().optional(),
    expected: z.string().optional(),
    scorer: Scorer.optional(),
    /** what a classifier said; else it is asked */
    classified: z
      .object({ label: z.string(), confidence: Share, costUsd: z.number().nonnegative().optional() })
      .optional(),
  })
  .refine((record) => (record.prompt === undefined) !== (record.messages === undefined), {
    message: 'Give either prompt or messages',
    path: ['prompt'],
  });
export type EvalRecord = z.infer<typeof EvalRecord>;

/** @throws CadenzaError naming the line and the field that is wrong */
export function readRecords(text: string, source: string): EvalRecord[] {
  const records = text.split('\n').flatMap((line, index): EvalRecord[] => {
    if (line.trim() === '') return [];
    const place = `${source}, line ${index + 1}`;
    const parsed = EvalRecord.safeParse(jsonOf(line, place));
    if (parsed.success) return [parsed.data];
    const { path, message } = deepestIssue(parsed.error.issues[0]!);
    throw refusal('InvalidRequest', `${place}: ${fieldPath('', path)}: ${message}.`);
  });
  if (records.length === 0)
    throw refusal('InvalidRequest', `${source} holds no records.`, { hint: 'It takes one JSON object a line.' });
  return records;
}

function jsonOf(line: string, place: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw refusal('InvalidRequest', `${place} is not JSON: ${(error as Error).message}.`);
  }
}

/** Score (0..1) and cost (USD) of having a label answer a prompt; undefined where the data does not tell. */
export interface Outcome {
  score?: number;
  costUsd?: number;
}

/** @param models names the label's records may be under: the label itself, and the model it stands for */
export function outcomeOf(record: EvalRecord, label: string, models: string[]): Outcome {
  const recorded = recordedOf(record, models);
  const { expected, scorer } = record;
  const byAnswer =
    recorded?.answer === undefined || expected === undefined ? undefined : scored(recorded.answer, expected, scorer);
  const byLabel = record.label === undefined ? undefined : Number(record.label === label);
  return { score: recorded?.score ?? byAnswer ?? byLabel, costUsd: recorded?.costUsd };
}

export function recordedOf(record: EvalRecord, models: string[]): EvalRecord['models'][string] | undefined {
  const name = models.find((one) => Object.hasOwn(record.models, one));
  return name === undefined ? undefined : record.models[name];
}

/**
 * 1 if the answer is right, else 0.
 * - `exact`: the same but for case, punctuation and how numbers are written
 * - `contains`: what was expected is in it
 * - `number`: its last number is the expected one
 */
export function scored(answer: string, expected: string, scorer: Scorer = 'exact'): number {
  switch (scorer) {
    case 'exact':
      return Number(isText(answer, expected));
    case 'contains':
      return Number(hasText(answer, expected));
    case 'number':
      return Number(lastNumber(answer) !== undefined && lastNumber(answer) === lastNumber(expected));
  }
}
