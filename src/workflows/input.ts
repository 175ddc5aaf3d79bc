import type { z } from 'zod';
import { invalidRequest } from '../contract/index.ts';
import { failure } from './failures.ts';
import { currentRun } from './run.ts';

/** A pattern's input, checked as whoever started the run may not have. @throws InvalidRequest, which fails the run */
export function inputOf<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  currentRun();
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw failure(invalidRequest(parsed.error));
}
