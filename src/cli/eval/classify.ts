import { z } from 'zod';
import type { Cadenza } from '../../client/cadenza.ts';
import { type ClassifierRoute, classifierOutput, classifierPrompt, type JsonSchema } from '../../contract/index.ts';
import { CliFailure } from '../failure.ts';
import { lookForTarget } from '../find-target.ts';
import { withClient } from '../with-client.ts';

/** What a classifier says of texts, in their order, and what that cost, USD. */
export type Classify = (name: string, route: ClassifierRoute, texts: string[]) => Promise<Said[]>;

interface Said {
  label: string;
  confidence: number;
  costUsd: number;
}

const AT_ONCE = 8;

/** Asks by runs of `ask`, as routers do: they are in the bill, and asked again they come from the cache. */
export const classifyByRuns: Classify = async (name, route, texts) => {
  if (!lookForTarget(process.env)) {
    throw new CliFailure(
      `The classifier "${name}" has to be asked about ${texts.length} prompts, and nothing is running here.`,
      {
        hint: 'Start it with npm start, or give each record what it said: "classified": {"label": ..., "confidence": ...}.',
      },
    );
  }
  return withClient((client) => classifyWith(client, route, texts));
};

export async function classifyWith(client: Cadenza, route: ClassifierRoute, texts: string[]): Promise<Said[]> {
  const schema = z.toJSONSchema(classifierOutput(route)) as JsonSchema;
  const said: Said[] = new Array(texts.length);
  let next = 0;
  const askNext = async (): Promise<void> => {
    const index = next;
    next += 1;
    if (index >= texts.length) return;
    const run = await client.start('ask', { ...classifierPrompt(route, texts[index]!), policy: route.model, schema });
    // A classifier that fails is not sure of anything: the default is taken, at any threshold.
    const unsure = { object: { label: route.default, confidence: -1 }, costUsd: 0 };
    const { object, costUsd } = await run.result().catch(() => unsure);
    said[index] = { ...(object as { label: string; confidence: number }), costUsd: costUsd ?? 0 };
    return askNext();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, askNext));
  return said;
}
