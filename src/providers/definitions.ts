import type { Config, ProviderConfig } from '../config/index.ts';
import { isOfficial } from './base-url.ts';
import { BUILT_IN, isBuiltIn } from './defaults.ts';
import type { Provider } from './provider.ts';
import { secretsOf } from './secrets.ts';
import { ProviderError } from './wire.ts';
import { openLate } from './wires.ts';

/** A provider as the environment and the config describe it. */
export interface Definition {
  name: string;
  kind: ProviderConfig['kind'];
  baseUrl?: string;
  /** the variable its key is read from; undefined where it needs none */
  keyVariable?: string;
  /** model ids the config names */
  models: string[];
  /** its models are those of the provider itself, which the SDK's types name */
  official: boolean;
}

/** The built-in providers and the config's; one of the config with a built-in's name takes its place. */
export function definitions(config: Config, env: NodeJS.ProcessEnv): Map<string, Definition> {
  const builtIn = Object.keys(BUILT_IN).map((name) => definition(name, { kind: name as ProviderConfig['kind'] }, env));
  const own = Object.entries(config.providers).map(([name, given]) => definition(name, given, env));
  return new Map([...builtIn, ...own].map((one) => [one.name, one]));
}

function definition(name: string, given: ProviderConfig, env: NodeJS.ProcessEnv): Definition {
  const { kind } = given;
  const common = kind === 'openai-compatible' ? undefined : BUILT_IN[kind];
  // A built-in's address variable is for the built-in alone: a second endpoint of the same kind has its own.
  const baseUrl = given.baseUrl ?? (common && isBuiltIn(name) ? env[common.baseUrlEnv] || undefined : undefined);
  return {
    name,
    kind,
    baseUrl,
    keyVariable: given.apiKeyEnv ?? common?.apiKeyEnv,
    models: given.models ?? [],
    official: kind !== 'openai-compatible' && isOfficial(kind, baseUrl),
  };
}

/** True if the provider's key is there, or none is needed. */
export function hasKey({ keyVariable }: Definition, env: NodeJS.ProcessEnv): boolean {
  return keyVariable === undefined || Boolean(env[keyVariable]);
}

export function missingKey({ name, keyVariable }: Definition, path?: string): ProviderError {
  return new ProviderError({
    type: 'AuthenticationFailed',
    message: `The provider ${name} has no key: the environment variable ${keyVariable} is not set.${path ? ` In ${path}.` : ''}`,
    hint: `Set ${keyVariable} where Cadenza runs, or use sandbox/gpt, sandbox/claude or sandbox/gemini, which need no key.`,
    provider: name,
    path,
  });
}

/** Opens the wire of a provider. @throws ProviderError where its key or address is missing */
export function openWire(defined: Definition, env: NodeJS.ProcessEnv): Provider {
  if (!hasKey(defined, env)) throw missingKey(defined);
  const { name, kind, keyVariable } = defined;
  return openLate(kind, {
    name,
    baseUrl: kind === 'openai-compatible' ? required(defined) : defined.baseUrl,
    keyVariable,
    // Local endpoints need no key, but the SDK does.
    apiKey: (keyVariable && env[keyVariable]) || 'no-key',
    secrets: secretsOf(env, [keyVariable]),
  });
}

function required({ name, baseUrl }: Definition): string {
  if (baseUrl !== undefined) return baseUrl;
  const message = `The provider ${name} has no address: set providers.${name}.baseUrl in cadenza.config.ts.`;
  throw new ProviderError({ type: 'InvalidRequest', message, provider: name });
}
