import { ApplicationFailure } from '@temporalio/activity';
import type { CadenzaActivities } from '../../contract/index.ts';
import { estimateTokens } from '../../providers/index.ts';
import type { TextSenses } from './check-text.ts';

/** Makes the checks that need nothing but the text: outside the workflow, which may not be busy for a second. */
export const checkGuardrails: CadenzaActivities['checkGuardrails'] = async (checks, texts) => {
  const [senses, { checkTexts }] = await Promise.all([textSenses(), import('./check-text.ts')]);
  try {
    return checks.map((check) => checkTexts(check, texts, senses));
  } catch (thrown) {
    // The same text would fail again.
    const message = `A guardrail could not be checked: ${(thrown as Error).message}`;
    throw ApplicationFailure.create({ type: 'InvalidRequest', message, nonRetryable: true });
  }
};

/** RE2 is loaded when a guardrail first needs it, as is what knows phone numbers. */
async function textSenses(): Promise<TextSenses> {
  const { RE2JS } = await import('re2js');
  return {
    tokens: estimateTokens,
    matches(pattern, text) {
      const matcher = RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE).matcher(text);
      const places: [number, number][] = [];
      while (matcher.find()) {
        places.push([matcher.start(), matcher.end()]);
      }
      return places;
    },
  };
}
