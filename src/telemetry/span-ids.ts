import { createHash, randomBytes } from 'node:crypto';

/*
 * Spans of runs and steps have ids that follow from what they are of: whoever makes a call of a step knows its parent without
 * having made it, in whatever process, and a span that is made again is the same one.
 */

/** The span id of a run, or of its step. @returns 16 hex digits */
export function spanIdOf(chain: string, step?: string): string {
  return hexOf(step === undefined ? ['run', chain] : ['step', chain, step]).slice(0, 16);
}

/** The trace of a run that nobody's trace began. @returns 32 hex digits */
export function traceIdOf(chain: string): string {
  return hexOf(['trace', chain]).slice(0, 32);
}

function hexOf(parts: string[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

interface Ids {
  spanId: string;
  /** of a span without a parent */
  traceId?: string;
}

let wanted: Ids | undefined;

/** Begins a span that has these ids, where the tracer provider asks `spanIds`. */
export function withIds<Begun>(ids: Ids, begin: () => Begun): Begun {
  wanted = ids;
  try {
    return begin();
  } finally {
    wanted = undefined;
  }
}

/**
 * The `idGenerator` of a tracer provider that is to hold Cadenza's spans together: random ids, but for the spans of runs and
 * steps. A provider without it gives those ids of their own, and what belongs to them hangs from parents that are not there.
 */
export const spanIds = {
  generateSpanId: (): string => wanted?.spanId ?? randomBytes(8).toString('hex'),
  generateTraceId: (): string => wanted?.traceId ?? randomBytes(16).toString('hex'),
};
