import { Context } from '@temporalio/activity';
import type { RunRef } from '../contract/index.ts';
import { inActivitySpan, isTracing, withLogFields } from '../telemetry/index.ts';
import { lettingGo } from './letting-go.ts';
import type { Rooms } from './rooms.ts';

type Activities = Record<string, (...args: never[]) => Promise<unknown>>;

/** Bookkeeping of workflows: too small, and too many, for spans of their own. */
const WITHOUT_SPANS = ['recordEvents', 'resolvePolicy', 'resolveRoute', 'patternsQueue', 'checkGuardrails'];

/**
 * The activities, each in the span of what it does: below its step, or its run. What they log names these. They are the same
 * functions in all lanes, so a run looks the same in whichever it goes.
 */
export function observed<Given extends object>(
  rooms: Pick<Rooms, 'log' | 'stopping' | 'store'>,
  activities: Given,
): Given {
  const traced = isTracing();
  const wrapped = Object.entries(activities as unknown as Activities).map(([name, act]) => {
    const observedAct = (...args: never[]): Promise<unknown> => {
      const { run, step } = placeOf(args);
      const work = () => lettingGo(rooms, () => act(...args));
      return withLogFields({ run: run?.id, step, activity: name }, async () => {
        const begunAt = performance.now();
        try {
          if (!traced || !run || WITHOUT_SPANS.includes(name)) return await work();
          const { attempt, isLocal, workflowExecution } = Context.current().info;
          const about = { name, attempt, isLocal, workflowRun: workflowExecution?.runId };
          return await inActivitySpan(run, step, about, work);
        } finally {
          rooms.log.debug({ ms: Math.round(performance.now() - begunAt) }, 'activity ended');
        }
      });
    };
    return [name, observedAct] as const;
  });
  return Object.fromEntries(wrapped) as Given;
}

/** Which run and step an activity is of: they are its first arguments, or named by the first. */
function placeOf([first, second]: unknown[]): { run?: RunRef; step?: string } {
  if (isRun(first)) return { run: first, step: typeof second === 'string' ? second : undefined };
  const { run, step } = (first ?? {}) as { run?: unknown; step?: unknown };
  return isRun(run) ? { run, step: typeof step === 'string' ? step : undefined } : {};
}

function isRun(value: unknown): value is RunRef {
  const { chain, pattern } = (value ?? {}) as Partial<RunRef>;
  return typeof chain === 'string' && typeof pattern === 'string';
}
