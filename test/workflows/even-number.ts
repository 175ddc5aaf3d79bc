import { generate } from 'cadenza/workflow';
import { z } from 'zod';

/** A check no JSON schema can say. */
const Even = z.object({ n: z.number() }).refine(({ n }) => n % 2 === 0, 'n must be even');

export async function evenNumber({ prompt, candidates }: { prompt: string; candidates: string[] }) {
  const { object, model } = await generate({ prompt, policy: { candidates }, output: Even });
  return { ...object, model };
}
