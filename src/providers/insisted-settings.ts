import type { Insisted, ModelRequest } from '../contract/index.ts';
import { ProviderError } from './wire.ts';

const SAID: Record<Insisted, string> = {
  temperature: 'a temperature',
  topP: 'a topP',
  seed: 'a seed',
  stop: 'stop sequences',
  parallelTools: 'a limit of one tool call an answer',
};

/** Refuses a request that insists on a setting its model does not know. What a policy sets is only a wish, and left out.
 *  @param lacks what this model does not know @throws ProviderError InvalidRequest; the next candidate may know it */
export function refuseUnknownSettings(model: string, { insists = [] }: ModelRequest, lacks: readonly Insisted[]): void {
  const unknown = insists.find((setting) => lacks.includes(setting));
  if (unknown === undefined) return;
  throw new ProviderError({
    type: 'InvalidRequest',
    message: `${model} does not take ${SAID[unknown]}.`,
    hint: 'Leave it out, or choose a model that takes it.',
    path: unknown === 'parallelTools' ? 'input.parallelTools' : `input.settings.${unknown}`,
    lacksSetting: unknown,
  });
}

/** @throws ProviderError InvalidRequest: this wire takes files only inline, or none of their kind */
export function refuseFile(problem: string): never {
  throw new ProviderError({
    type: 'InvalidRequest',
    message: problem,
    hint: 'Send the file inline as a PDF, or its text.',
    path: 'input.messages',
    lacksSetting: 'file',
  });
}
