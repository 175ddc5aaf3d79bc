import { Config, type ConfigInput } from '../config/index.ts';
import { type CallError, isAlias, type ModelRef, type Policy, type PolicyRef, providerOf } from '../contract/index.ts';
import { checkModel, offeredModels } from './check-model.ts';
import { type Definition, definitions, hasKey, openWire } from './definitions.ts';
import { liveModels } from './live-models.ts';
import { policyNames, resolvePolicy } from './policies.ts';
import type { Provider } from './provider.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { SANDBOX_MODELS } from './sandbox-models.ts';
import { estimateTokens } from './tokens.ts';
import { ProviderError } from './wire.ts';
import { loadWires } from './wires.ts';

/** The providers and policies of one process. */
export interface ProviderRegistry {
  /** models are asked by other processes, whose keys nobody knows here */
  readonly keysElsewhere: boolean;
  /** The wire of a model's provider. @throws ProviderError where the provider is unknown or has no key */
  open(model: ModelRef): Provider;
  /** The same; undefined where it cannot be opened. */
  find(model: ModelRef): Provider | undefined;
  /** Why a model cannot be asked; undefined if it can, as far as is known: of a key only where it would be asked from here. At
   *  most 2 s. @param path where it stands in the input */
  check(model: ModelRef, path: string): Promise<CallError | undefined>;
  /** All model refs offered now. At most 2 s. */
  known(): Promise<ModelRef[]>;
  /** The model a provider calls so itself, as its SDK's types and the config know it; of several the first with a key. */
  refOf(id: string): ModelRef | undefined;
  /** A policy with models for its names and aliases. @throws ProviderError InvalidRequest */
  resolvePolicy(ref: PolicyRef | undefined, path?: string): Policy;
  /** The policy of requests that name none. */
  defaultPolicy(): Policy;
  /** Names of policies and aliases a request may use. */
  names(): string[];
  close(): Promise<void>;
}

export interface RegistryOptions {
  config?: ConfigInput;
  env?: NodeJS.ProcessEnv;
  sandbox?: Sandbox;
  keysElsewhere?: boolean;
}

/** Loads what the first call of a process would wait for: the SDKs of the providers that have keys, else those of the
 *  sandbox, and the tokenizer's tables. */
export async function warmUp(config: Config, env: NodeJS.ProcessEnv): Promise<void> {
  const usable = [...definitions(config, env).values()].filter((definition) => hasKey(definition, env));
  await loadWires(usable.map(({ kind }) => kind));
  estimateTokens('warm');
}

export function providerRegistry({
  config: given = {},
  env = process.env,
  sandbox,
  keysElsewhere = false,
}: RegistryOptions): ProviderRegistry {
  const config = Config.parse(given);
  const defined = definitions(config, env);
  const simulated = sandbox ?? startSandbox(env);
  const opened = new Map<string, Provider>();
  const listed = liveModels();

  /** Opened once, so that what a wire learned of its endpoint is kept. */
  function opening(definition: Definition): Provider {
    const provider = opened.get(definition.name) ?? openWire(definition, env);
    opened.set(definition.name, provider);
    return provider;
  }
  const live = async (definition: Definition) => listed(opening(definition));

  function open(model: ModelRef): Provider {
    const name = providerOf(model);
    if (name === 'sandbox') return simulated.provider;
    const definition = defined.get(name);
    if (definition) return opening(definition);
    const known = [...defined.keys(), 'sandbox'].join(', ');
    throw new ProviderError({ type: 'InvalidRequest', message: `No provider named "${name}". Known now: ${known}.` });
  }

  return {
    keysElsewhere,
    open,

    find(model) {
      try {
        return open(model);
      } catch (thrown) {
        if (thrown instanceof ProviderError) return undefined;
        throw thrown;
      }
    },

    async check(model, path) {
      try {
        if (isAlias(model)) resolvePolicy(model, config, env, path);
        else return await checkModel(model, path, { defined, env, live, keysElsewhere });
      } catch (thrown) {
        if (thrown instanceof ProviderError) return { ...thrown.error, path };
        throw thrown;
      }
    },

    async known() {
      const usable = [...defined.values()].filter((definition) => hasKey(definition, env));
      const lists = usable.map(async (definition) => {
        const ids = offeredModels(definition, await live(definition).catch(() => undefined));
        return ids.map((id) => `${definition.name}/${id}`);
      });
      return [...(await Promise.all(lists)).flat(), ...SANDBOX_MODELS.map((model) => `sandbox/${model}`)];
    },

    refOf(id) {
      const knowing = [...defined.values()].filter((definition) => offeredModels(definition, undefined).includes(id));
      const first = knowing.find((definition) => hasKey(definition, env)) ?? knowing[0];
      return first && `${first.name}/${id}`;
    },

    resolvePolicy: (ref, path = 'input.policy') => resolvePolicy(ref ?? config.defaultPolicy, config, env, path),
    defaultPolicy: () => resolvePolicy(config.defaultPolicy, config, env, 'defaultPolicy'),
    names: () => policyNames(config),
    close: () => simulated.stop(),
  };
}
