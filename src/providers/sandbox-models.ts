import type { Price } from '../config/index.ts';
import { ProviderError } from './wire.ts';

/** The simulated models, each spoken to by the wire of the provider it stands for. */
export const SANDBOX_MODELS = ['gpt', 'claude', 'gemini'] as const;
export type SandboxModel = (typeof SANDBOX_MODELS)[number];

/**
 * Pretend prices: nobody is charged for the sandbox. They are there so that a bill without any API key shows how bills
 * look; they are low, and no real model's.
 */
export const SANDBOX_PRICE: Price = { inputPerMillion: 0.1, outputPerMillion: 0.5 };

export function isSandboxModel(model: string): model is SandboxModel {
  return (SANDBOX_MODELS as readonly string[]).includes(model);
}

export function unknownSandboxModel(model: string, known: readonly string[] = SANDBOX_MODELS): ProviderError {
  return new ProviderError({
    type: 'ModelNotFound',
    message: `No model named "${model}" in the sandbox. Known: ${known.join(', ')}.`,
  });
}
