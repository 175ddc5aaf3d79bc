import type { TimelineStep } from './waterfall-rows.ts';

/** A step as two runs did it; undefined where one of them did not. */
export interface StepPair {
  step: string;
  left?: StepFigures;
  right?: StepFigures;
  /** another model, another number of calls, or another end */
  differs: boolean;
}

export interface StepFigures {
  models: string[];
  calls: number;
  tookMs?: number;
  /** null: a price is not known */
  costUsd: number | null;
  failed: boolean;
  /** every answer was there already */
  cached: boolean;
}

/** Steps of two runs side by side: those of the left one in their order, then what only the right one has. */
export function pairedSteps(left: readonly TimelineStep[], right: readonly TimelineStep[]): StepPair[] {
  const others = new Map(right.map((step) => [step.step, step]));
  const known = new Set(left.map(({ step }) => step));
  return [
    ...left.map((step) => pair(step.step, step, others.get(step.step))),
    ...right.filter(({ step }) => !known.has(step)).map((step) => pair(step.step, undefined, step)),
  ];
}

function pair(step: string, left: TimelineStep | undefined, right: TimelineStep | undefined): StepPair {
  const [one, other] = [left && figuresOf(left), right && figuresOf(right)];
  const sides = { ...(one && { left: one }), ...(other && { right: other }) };
  const said = (figures: StepFigures | undefined) =>
    figures && [figures.models, figures.calls, figures.failed, figures.cached];
  return { step, ...sides, differs: JSON.stringify(said(one)) !== JSON.stringify(said(other)) };
}

function figuresOf({ calls, startedAt, endedAt, error, tool }: TimelineStep): StepFigures {
  const ended = endedAt ?? tool?.endedAt;
  return {
    models: [...new Set(calls.map(({ model }) => model))],
    calls: calls.length,
    ...(ended !== undefined && { tookMs: Date.parse(ended) - Date.parse(startedAt) }),
    costUsd: calls.reduce<number | null>(
      (sum, { costUsd }) => (sum === null || costUsd === null ? null : sum + (costUsd ?? 0)),
      0,
    ),
    failed: error !== undefined || tool?.error !== undefined,
    cached: calls.length > 0 && calls.every(({ cached }) => cached),
  };
}
