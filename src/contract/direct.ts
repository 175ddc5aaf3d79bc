/** Patterns that know the direct lane: those that need nobody's message, and go on in no history of their own. */
export const DIRECT_PATTERNS = ['ask', 'best-of', 'chain', 'compare', 'council', 'embed'] as const;
export type DirectPattern = (typeof DIRECT_PATTERNS)[number];

export function isDirectPattern(name: string): name is DirectPattern {
  return (DIRECT_PATTERNS as readonly string[]).includes(name);
}

/** The activity type of the direct lane. */
export const RUN_DIRECT = 'runDirect';

/** What that activity returns where a workflow of the run's id goes on. */
export const HANDED_OVER = { handedOver: 'The workflow of the same id goes on' };

export function isHandedOver(result: unknown): boolean {
  return (result as Partial<typeof HANDED_OVER> | null)?.handedOver === HANDED_OVER.handedOver;
}

/** What the activity of a run is told that a process has begun already, while Temporal was told of it. */
export interface BegunRun {
  /** the run's chain */
  chain: string;
  /** the process, as the store knows it */
  by: string;
}
