import { ProviderError } from './wire.ts';

/** A tool call's arguments as an object. @throws ProviderError InvalidOutput where the model wrote something else */
export function toolArguments(tool: string, text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
  } catch {
    // told below, together with JSON that is no object
  }
  throw new ProviderError({
    type: 'InvalidOutput',
    message: `The model called the tool ${tool} with arguments that are not a JSON object`,
    hint: 'Ask again, allow more output tokens, or describe the tool’s parameters more plainly.',
  });
}
