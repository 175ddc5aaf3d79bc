import type OpenAI from 'openai';

/** What one writes without Cadenza: the SDK in an activity. */
export function plainActivities(openai: OpenAI, model: string, onFirstToken: (prompt: string) => void) {
  return {
    async ask(prompt: string): Promise<string> {
      let text = '';
      const stream = await openai.responses.create({ model, input: prompt, stream: true });
      for await (const event of stream) {
        if (event.type !== 'response.output_text.delta') continue;
        if (text === '') onFirstToken(prompt);
        text += event.delta;
      }
      return text;
    },
  };
}

export type PlainActivities = ReturnType<typeof plainActivities>;
