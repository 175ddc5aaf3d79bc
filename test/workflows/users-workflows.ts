import { ask, chain } from 'cadenza/workflow';

const policy = { candidates: ['openai/gpt-6-sol'] };

/** A workflow of a user's, whose second argument is what the user likes. */
export async function question(prompt: string, _own?: unknown): Promise<string> {
  return (await ask({ prompt, policy })).text;
}

/** One that has a pattern do a step, on whichever queue patterns run. */
export async function withSubRun(prompt: string): Promise<unknown> {
  const { output } = await chain({ steps: [{ id: 'inner', pattern: 'ask', input: { prompt, policy } }] });
  return output;
}
