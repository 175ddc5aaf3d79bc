import type { ModelReply } from '../contract/index.ts';
import type { KeyedEvent } from './event-batch.ts';
import { stepKey } from './events.ts';
import type { BeginCall } from './journaled-calls.ts';

/** How events name a call: stable over its attempts. */
export function shortId(key: string): string {
  return key.slice(0, 16);
}

/** What readers are told when a call is first made; twice where that is told late, hence keys. */
export function firstEvents({ step, model, fallback }: BeginCall, call: string): KeyedEvent[] {
  return [
    { type: 'step.started', step, key: stepKey('step.started', step) },
    ...(fallback
      ? [{ type: 'call.fallback' as const, step, call, ...fallback, to: model, key: `call.fallback:${call}` }]
      : []),
    { type: 'call.started', step, call, epoch: 1, model, key: `call.started:${call}` },
  ];
}

/** What they are told when it has its reply. */
export function lastEvents(
  place: { step: string; call: string; epoch: number },
  reply: ModelReply,
  completesStep: boolean,
): KeyedEvent[] {
  const { model, usage, costUsd, finishReason, cached, batched, invalid, firstTokenMs, waitedMs, totalMs } = reply;
  return [
    ...(reply.toolCalls ?? []).map(
      ({ id, name, arguments: args }) => ({ type: 'call.toolcall', ...place, id, name, arguments: args }) as const,
    ),
    {
      ...{ type: 'call.completed', ...place, model, usage, costUsd, finishReason },
      ...{ cached, batched, invalid, firstTokenMs, waitedMs, totalMs },
    },
    ...(completesStep
      ? [{ type: 'step.completed' as const, step: place.step, key: stepKey('step.completed', place.step) }]
      : []),
  ];
}
