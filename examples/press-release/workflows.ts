import type { PolicyRef } from 'cadenza/contract';
import { compare, generate } from 'cadenza/workflow';
import { z } from 'zod';

const Facts = z.object({ facts: z.array(z.string()).min(1) });
const Critique = z.object({ problems: z.array(z.string()) });

export interface PressReleaseInput {
  topic: string;
  /** who drafts, each on its own */
  writers?: string[];
  /** of every step; left out, the config's default */
  policy?: PolicyRef;
}

/**
 * Write a press release in five steps.
 *
 *   research --> draft (two writers at once) --> critique --> revise --> headline
 */
export async function pressRelease({ topic, writers = ['sandbox/gpt', 'sandbox/claude'], policy }: PressReleaseInput) {
  const research = await generate({
    step: 'research',
    policy,
    prompt: `List what is known about ${topic}.`,
    output: Facts,
  });
  const facts = research.object.facts.map((fact) => `- ${fact}`).join('\n');

  const drafts = await compare({
    step: 'draft',
    models: writers,
    policy,
    prompt: `Write a press release about ${topic}. Use these facts and no others:\n${facts}`,
  });
  const critique = await generate({
    step: 'critique',
    policy,
    prompt: `Name what is unclear or unsupported in this press release:\n${drafts.best.text}\n\nThe facts:\n${facts}`,
    output: Critique,
  });
  const revised = await generate({
    step: 'revise',
    policy,
    messages: [
      { role: 'user', content: `Write a press release about ${topic}.` },
      { role: 'assistant', content: drafts.best.text },
      { role: 'user', content: `Mend this, and change nothing else:\n${critique.object.problems.join('\n')}` },
    ],
  });
  const headline = await generate({
    step: 'headline',
    policy,
    prompt: `Give this press release a headline of at most twelve words:\n${revised.text}`,
  });
  return { headline: headline.text, body: revised.text };
}
