import { compare, generate } from 'cadenza/workflow';
import { z } from 'zod';

const Facts = z.object({ facts: z.array(z.string()).min(1) });

export interface BriefingInput {
  topic: string;
}

export interface Briefing {
  facts: string[];
  text: string;
}

/**
 * Write a briefing.
 *
 *   facts --> draft (two models at once) --> edit
 *
 * Kill the worker anywhere: it goes on, and no finished call is asked again.
 */
export async function briefing({ topic }: BriefingInput): Promise<Briefing> {
  const {
    object: { facts },
  } = await generate({ step: 'facts', prompt: `List what is known about ${topic}.`, output: Facts });
  const drafts = await compare({
    step: 'draft',
    models: ['writer', 'critic'],
    prompt: `Write a briefing about ${topic}. Use these facts and no others:\n${facts.join('\n')}`,
  });
  const edited = await generate({ step: 'edit', prompt: `Make this shorter, and change no fact:\n${drafts.best.text}` });
  return { facts, text: edited.text };
}
