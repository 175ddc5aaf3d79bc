import OpenAI from 'openai';
import { plainActivities } from '../../first-token/plain-activities.ts';

export const MODEL = 'gpt-6-sol';

/** The model call of everybody but Cadenza: the provider's SDK. */
export function modelAt(provider: string) {
  const openai = new OpenAI({ apiKey: 'sk-bench', baseURL: `${provider}/v1`, maxRetries: 0 });
  const { ask } = plainActivities(openai, MODEL, () => {});
  return {
    ask,
    async *tokens(prompt: string): AsyncGenerator<string> {
      const stream = await openai.responses.create({ model: MODEL, input: prompt, stream: true });
      for await (const event of stream) if (event.type === 'response.output_text.delta') yield event.delta;
    },
  };
}
