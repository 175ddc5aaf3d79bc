import { createHash, randomUUID } from 'node:crypto';
import type { ModelReply, RunRef } from '../../src/contract/index.ts';

/** A run nobody else has. */
export function newRun(over: Partial<RunRef> = {}): RunRef {
  const chain = randomUUID();
  return { id: `run-${chain}`, chain, pattern: 'ask', startedAt: new Date().toISOString(), ...over };
}

export function newKey(): string {
  return createHash('sha256').update(randomUUID()).digest('hex');
}

export function reply(over: Partial<ModelReply> = {}): ModelReply {
  return {
    text: 'Paris',
    model: 'openai/gpt-6-sol',
    usage: { inputTokens: 10, outputTokens: 2 },
    costUsd: 0.01,
    finishReason: 'stop',
    ...over,
  };
}

/** A promise kept when the condition holds; looked at every 10 ms. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}
