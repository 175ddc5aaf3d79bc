import { randomUUID } from 'node:crypto';
import OpenAI from 'openai';

/** What this process is told to ask: so many calls, so many of them at once. */
export interface Load {
  baseURL: string;
  model: string;
  stream: boolean;
  calls: number;
  atOnce: number;
}

/** What it saw; times in ms. */
export interface Seen {
  /** from the call to its first word; of streams alone */
  first: number[];
  whole: number[];
  all: number;
  /** calls that gave another text than the provider's, or none */
  wrong: number;
  error?: string;
}

const TEXT = Array.from({ length: 16 }, (_, n) => `word${n} `).join('');

process.on('message', (load: Load) => {
  measured(load).then((seen) => process.send?.(seen));
});
process.on('disconnect', () => process.exit(0));

async function measured({ baseURL, model, stream, calls, atOnce }: Load): Promise<Seen> {
  const openai = new OpenAI({ baseURL, apiKey: 'sk-bench', maxRetries: 0 });
  const seen: Seen = { first: [], whole: [], all: 0, wrong: 0 };
  let left = calls;
  const began = performance.now();
  async function one(): Promise<void> {
    const messages = [{ role: 'user' as const, content: `Why do rivers bend? ${randomUUID()}` }];
    const start = performance.now();
    let text = '';
    if (stream) {
      for await (const chunk of await openai.chat.completions.create({ model, messages, stream })) {
        const piece = chunk.choices[0]?.delta.content ?? '';
        if (piece !== '' && text === '') seen.first.push(performance.now() - start);
        text += piece;
      }
    } else {
      text = (await openai.chat.completions.create({ model, messages })).choices[0]?.message.content ?? '';
    }
    seen.whole.push(performance.now() - start);
    if (text !== TEXT) seen.wrong += 1;
  }
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0)
        await one().catch((error: unknown) => {
          seen.wrong += 1;
          seen.error = String(error);
        });
    }),
  );
  seen.all = performance.now() - began;
  return seen;
}

process.send?.('ready');
