import { CompareResult } from '../contract/index.ts';
import { plainText } from './output.ts';
import { afterword } from './views/compared.ts';

/** A result for people: the text of an answer, the answers of a comparison, else JSON. */
export function resultText(result: unknown): string {
  if (typeof result === 'string') return plainText(result);
  if (hasText(result)) return plainText(result.text);
  const compared = CompareResult.safeParse(result);
  if (!compared.success) return JSON.stringify(result, null, 2) ?? 'null';
  const answers = compared.data.answers.map((answer) =>
    'error' in answer
      ? `── ${answer.model}\n✗ ${answer.error.type}: ${answer.error.message}`
      : `── ${answer.model}\n${plainText(answer.text).trimEnd()}`,
  );
  return [...answers, afterword(compared.data)].filter(Boolean).join('\n\n');
}

function hasText(result: unknown): result is { text: string } {
  return typeof result === 'object' && result !== null && 'text' in result && typeof result.text === 'string';
}
