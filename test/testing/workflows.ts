import { agent, approval, generate } from 'cadenza/workflow';
import { z } from 'zod';

const Facts = z.object({ facts: z.array(z.string()) });

export async function announcement({ topic }: { topic: string }) {
  const { object } = await generate({
    step: 'facts',
    policy: { candidates: ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5'], patience: '2 days', maxAttempts: 1 },
    prompt: `List facts about ${topic}.`,
    output: Facts,
  });
  const draft = await generate({
    step: 'draft',
    policy: { candidates: ['anthropic/claude-sonnet-5-5'] },
    prompt: `Announce ${topic}: ${object.facts.join(' ')}`,
  });
  const { approved, expired } = await approval({ step: 'sign-off', show: draft.text, patience: '3 days' });
  return { text: draft.text, approved, expired: expired ?? false };
}

export async function counted({ task }: { task: string }) {
  const { text } = await agent({ step: 'count', task, tools: ['calculator'], policy: 'house/m' });
  return text;
}
