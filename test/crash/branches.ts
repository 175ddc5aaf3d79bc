import { generate } from 'cadenza/workflow';

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

/** Branches at once, of two steps each, that all use the same names. */
export async function branches(topics: string[]): Promise<string[]> {
  return Promise.all(
    topics.map(async (topic) => {
      const facts = await generate({ step: 'facts', policy, prompt: `Facts about ${topic}.` });
      const text = await generate({ step: 'text', policy, prompt: `Text on <${facts.text}>.` });
      return text.text;
    }),
  );
}

/** The same question several times at once: each is a call of its own. */
export async function samples(count: number): Promise<string[]> {
  const all = Array.from({ length: count }, () => generate({ step: 'sample', policy, prompt: 'A sample, please.' }));
  return (await Promise.all(all)).map(({ text }) => text);
}

/** One call a tick, as Temporal's own cron starts it. */
export async function tick(): Promise<string> {
  const { text } = await generate({ step: 'tick', policy, prompt: 'What is new?' });
  return text;
}
