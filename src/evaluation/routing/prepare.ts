import { z } from 'zod';
import { ruleSenses } from '../../activities/rule-senses.ts';
import type { Cadenza } from '../../client/cadenza.ts';
import { refusal } from '../../client/errors.ts';
import type { Config } from '../../config/index.ts';
import {
  type ClassifierRoute,
  classifierOutput,
  classifierPrompt,
  DEFAULT_EMBEDDINGS,
  examplesOf,
  type JsonSchema,
  policyOfChoice,
  type Route,
  type SemanticRoute,
} from '../../contract/index.ts';
import { embed, type ProviderRegistry, priceOf } from '../../providers/index.ts';
import { factsOf } from '../../workflows/steps/route-facts.ts';
import { type EvalRecord, outcomeOf } from './records.ts';
import type { Prepared, Replaying } from './replay.ts';

/** Length of an answer whose cost is not recorded, tokens. */
const USUAL_ANSWER_TOKENS = 500;
const EMBED_WITHIN_MS = 120_000;

/** What a classifier says of texts, in their order, and what that cost, USD. */
export type Classify = (name: string, route: ClassifierRoute, texts: string[]) => Promise<Classified[]>;

interface Classified {
  label: string;
  confidence: number;
  costUsd: number;
}

/** Runs of `ask` that classify at once. */
const CLASSIFIED_AT_ONCE = 8;

export interface Prepare {
  records: EvalRecord[];
  routes: Record<string, Route>;
  config: Config;
  providers: ProviderRegistry;
  /** asks a classifier's model about the prompts the data does not say it of */
  classify: Classify;
}

/** Looks up all that routers ask about a data set: embeddings, what classifiers say, prices. */
export async function prepare(given: Prepare): Promise<{ prepared: Prepared[]; replaying: Replaying }> {
  const { records, routes, config } = given;
  const prepared = records.map(
    (record): Prepared => ({ record, facts: factsOf(record), vectors: new Map(), classified: new Map() }),
  );
  const examples = new Map<string, number[][]>();
  for (const [name, route] of Object.entries(routes)) {
    if (route.strategy === 'semantic') examples.set(name, await embedAll(name, route, prepared, given.providers));
    if (route.strategy === 'classifier') {
      const unknown = prepared.filter(({ record }) => record.classified === undefined);
      const said =
        unknown.length === 0
          ? []
          : await given.classify(
              name,
              route,
              unknown.map(({ facts }) => facts.text),
            );
      for (const [index, one] of unknown.entries()) one.classified.set(name, said[index]!);
      for (const one of prepared) {
        const { classified } = one.record;
        if (classified) one.classified.set(name, { ...classified, costUsd: classified.costUsd ?? 0 });
      }
    }
  }
  const replaying = { senses: await ruleSenses(), examples, quality: config.quality, ...lookUps(given) };
  return { prepared, replaying };
}

async function embedAll(name: string, route: SemanticRoute, prepared: Prepared[], providers: ProviderRegistry) {
  const model = route.embeddings ?? DEFAULT_EMBEDDINGS;
  const examples = examplesOf(route).map(({ text }) => text);
  const texts = [...examples, ...prepared.map(({ facts }) => facts.text)];
  const { vectors } = await embed(providers.open(model), model, texts, AbortSignal.timeout(EMBED_WITHIN_MS));
  for (const [index, one] of prepared.entries()) one.vectors.set(name, vectors[examples.length + index]!);
  return vectors.slice(0, examples.length);
}

function lookUps({ records, config, providers }: Prepare): Pick<Replaying, 'namesOf' | 'outcome'> {
  const namesOf: Replaying['namesOf'] = (route, label) => {
    try {
      return [label, providers.resolvePolicy(policyOfChoice(route, label)).candidates[0]!];
    } catch {
      // a label without a policy is known by its name alone
      return [label];
    }
  };
  return {
    namesOf,
    outcome(route, { record, facts }, label) {
      const names = namesOf(route, label);
      const { score, costUsd = estimated(names.at(-1)!, facts.tokens) } = outcomeOf(record, label, names);
      const line = records.indexOf(record) + 1;
      if (score === undefined) {
        throw refusal('InvalidRequest', `Record ${line} does not say how good "${label}" is.`, {
          hint: `Give models.${label}.score, models.${label}.answer with expected, or label.`,
        });
      }
      if (costUsd !== undefined) return { score, costUsd };
      throw refusal('InvalidRequest', `Record ${line} does not say what "${label}" costs, and no price is known.`, {
        hint: `Give models.${label}.costUsd.`,
      });
    },
  };

  function estimated(model: string, tokens: number): number | undefined {
    if (!model.includes('/')) return undefined;
    const usage = { inputTokens: Math.ceil(tokens), outputTokens: USUAL_ANSWER_TOKENS };
    return priceOf(model, usage, config.prices) ?? undefined;
  }
}

/** Asks by runs of `ask`, as routers do: they are in the bill, and asked again they come from the cache. */
export async function classifyByRuns(client: Cadenza, route: ClassifierRoute, texts: string[]): Promise<Classified[]> {
  const schema = z.toJSONSchema(classifierOutput(route)) as JsonSchema;
  const classified: Classified[] = new Array(texts.length);
  let next = 0;
  const askNext = async (): Promise<void> => {
    const index = next;
    next += 1;
    if (index >= texts.length) return;
    const run = await client.start('ask', { ...classifierPrompt(route, texts[index]!), policy: route.model, schema });
    // A classifier that fails is not sure of anything: the default is taken, at any threshold.
    const unsure = { object: { label: route.default, confidence: -1 }, costUsd: 0 };
    const { object, costUsd } = await run.result().catch(() => unsure);
    classified[index] = { ...(object as { label: string; confidence: number }), costUsd: costUsd ?? 0 };
    return askNext();
  };
  await Promise.all(Array.from({ length: CLASSIFIED_AT_ONCE }, askNext));
  return classified;
}
