import { type CallError, modelIdOf, nearestNames, providerOf } from '../contract/index.ts';
import { type Definition, hasKey, missingKey } from './definitions.ts';
import { MODEL_IDS } from './model-ids.ts';
import { SANDBOX_MODELS } from './sandbox-models.ts';

/** How many known names an error tells. */
const TOLD = 8;

/** Models that can be listed but not talked to. */
const NOT_CHAT =
  /embed|whisper|tts|dall-e|image|audio|transcribe|realtime|moderation|sora|veo|imagen|lyria|babbage|davinci/;

export interface CheckedAgainst {
  defined: Map<string, Definition>;
  env: NodeJS.ProcessEnv;
  keysElsewhere: boolean;
  /** the endpoint's own list, or undefined where it gives none */
  live(definition: Definition): Promise<string[] | undefined>;
}

/** Why a model cannot be asked, or undefined if it can as far as is known. Asks the endpoint only where the types do not know it. */
export async function checkModel(model: string, path: string, against: CheckedAgainst): Promise<CallError | undefined> {
  const provider = providerOf(model);
  const id = modelIdOf(model);
  if (provider === 'sandbox') {
    return (SANDBOX_MODELS as readonly string[]).includes(id)
      ? undefined
      : unknownModel(id, provider, [...SANDBOX_MODELS], path);
  }
  const definition = against.defined.get(provider);
  if (!definition) return unknownProvider(provider, [...against.defined.keys(), 'sandbox'], path);
  if (!hasKey(definition, against.env)) return against.keysElsewhere ? undefined : missingKey(definition, path).error;
  const typed = typedModels(definition);
  if (typed.includes(id) || definition.models.includes(id)) return undefined;
  const live = await against.live(definition);
  // Without a list, a gateway or local server may well offer it; the call itself will tell.
  if (!live && !definition.official) return undefined;
  if (live?.some((known) => sameModel(known, id))) return undefined;
  const offered = live && !definition.official ? live : [...typed, ...(live ?? [])];
  return unknownModel(id, provider, [...definition.models, ...offered.filter((name) => !NOT_CHAT.test(name))], path);
}

/** What a provider offers: its own list where it gives one, else what the types and the config know. */
export function offeredModels(definition: Definition, live: string[] | undefined): string[] {
  const listed = live?.filter((id) => !NOT_CHAT.test(id)) ?? typedModels(definition);
  return [...new Set([...definition.models, ...listed])];
}

function typedModels({ kind }: Definition): readonly string[] {
  return kind === 'openai-compatible' ? [] : MODEL_IDS[kind];
}

/** Servers list `llama3:latest` for `llama3`, and take variants such as `:free` of what they list. */
function sameModel(known: string, id: string): boolean {
  return known === id || known === `${id}:latest` || (!known.includes(':') && id.startsWith(`${known}:`));
}

function unknownProvider(name: string, known: string[], path: string): CallError {
  const list = nearestNames(name, known, known.length).join(', ');
  return {
    type: 'InvalidRequest',
    message: `No provider named "${name}". Known now: ${list} (see cadenza doctor). In ${path}.`,
    hint: `Choose one of those, or add ${name} to \`providers\` in cadenza.config.ts.`,
    path,
  };
}

function unknownModel(id: string, provider: string, known: string[], path: string): CallError {
  const nearest = nearestNames(id, [...new Set(known)], TOLD);
  const list = nearest.length < new Set(known).size ? `${nearest.join(', ')}, ...` : nearest.join(', ');
  return {
    type: 'InvalidRequest',
    message: `No model named "${id}" at ${provider}. Known now: ${list} (see cadenza doctor). In ${path}.`,
    hint: `Choose a model ${provider} offers, or add it to providers.${provider}.models in cadenza.config.ts.`,
    provider,
    model: `${provider}/${id}`,
    path,
  };
}
