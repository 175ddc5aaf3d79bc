import type { CallError, ModelReply, Timeline } from '../contract/index.ts';

interface TimelineEvent {
  type: string;
  step: string | null;
  call: string | null;
  at: Date;
  data: Record<string, unknown>;
}

interface TimelineCall {
  key: string;
  step: string;
  model: string;
  state: string;
  epoch: number;
  reply: ModelReply | null;
  error: CallError | null;
  cached: boolean;
  started_at: Date;
  ended_at: Date | null;
}

/** Steps in the order they began, and in each its calls. @param events of steps and failed attempts, in order */
export function timelineOf(id: string, events: TimelineEvent[], calls: TimelineCall[]): Timeline {
  const steps = new Map<string, Timeline['steps'][number]>();
  for (const { type, step, at } of events) {
    if (step === null) continue;
    if (type === 'step.started') steps.set(step, { step, startedAt: at.toISOString(), calls: [] });
    const known = steps.get(step);
    if (known && type === 'step.completed') known.endedAt = at.toISOString();
  }
  for (const call of calls) {
    const step = steps.get(call.step) ?? { step: call.step, startedAt: call.started_at.toISOString(), calls: [] };
    steps.set(call.step, step);
    step.calls.push(timelineCall(call, events));
  }
  return { id, steps: [...steps.values()] };
}

function timelineCall(call: TimelineCall, events: TimelineEvent[]): Timeline['steps'][number]['calls'][number] {
  const { reply } = call;
  const errors = events
    .filter((event) => event.type === 'call.retrying' && event.call !== null && call.key.startsWith(event.call))
    .map((event) => event.data.error as CallError);
  // the last error of a model that was given up is told by no retry
  if (call.state === 'failed' && call.error) errors.push(call.error);
  return {
    model: call.model,
    startedAt: call.started_at.toISOString(),
    ...(call.ended_at !== null && { endedAt: call.ended_at.toISOString() }),
    attempts: call.epoch,
    cached: call.cached,
    ...(reply && {
      ...(reply.firstTokenMs !== undefined && { firstTokenMs: reply.firstTokenMs }),
      ...(reply.totalMs !== undefined && { totalMs: reply.totalMs }),
      usage: reply.usage,
      costUsd: reply.costUsd,
      finishReason: reply.finishReason,
    }),
    errors,
  };
}
