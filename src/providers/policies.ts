import type { Config } from '../config/index.ts';
import { isAlias, type ModelRef, nearestNames, type Policy, type PolicyRef } from '../contract/index.ts';
import { BUILT_IN, isTier, TIERS, type Tier } from './defaults.ts';
import { SANDBOX_MODELS } from './sandbox-models.ts';
import { ProviderError } from './wire.ts';

/**
 * A policy with models for its names and aliases: a name is looked for among the config's policies, its aliases, and
 * the built-in `default`, `fast` and `strong`.
 * @throws ProviderError InvalidRequest, naming the names there are
 */
export function resolvePolicy(ref: PolicyRef, config: Config, env: NodeJS.ProcessEnv, path: string): Policy {
  if (typeof ref === 'string') {
    const policy = Object.hasOwn(config.policies, ref) ? config.policies[ref] : undefined;
    if (policy) return { ...policy, candidates: modelsOf(policy.candidates, config, env, `policies.${ref}`, [ref]) };
    return { candidates: expand(ref, config, env, path, []) };
  }
  return { ...ref, candidates: modelsOf(ref.candidates, config, env, path, []) };
}

function modelsOf(refs: ModelRef[], config: Config, env: NodeJS.ProcessEnv, path: string, seen: string[]): ModelRef[] {
  const models = refs.flatMap((ref, index) => expand(ref, config, env, `${path}.candidates[${index}]`, seen));
  return [...new Set(models)];
}

/** The models a name stands for. `seen` are the names on the way here, so that one that leads to itself ends. */
function expand(ref: ModelRef, config: Config, env: NodeJS.ProcessEnv, path: string, seen: string[]): ModelRef[] {
  if (!isAlias(ref)) return [ref];
  if (!seen.includes(ref)) {
    const alias = Object.hasOwn(config.aliases, ref) ? config.aliases[ref] : undefined;
    if (alias) return expand(alias, config, env, path, [...seen, ref]);
    const policy = Object.hasOwn(config.policies, ref) ? config.policies[ref] : undefined;
    if (policy) return modelsOf(policy.candidates, config, env, path, [...seen, ref]);
  }
  if (isTier(ref)) return tier(ref, env);
  throw unknownName(ref, config, path);
}

/** One model of each provider whose key is set; the sandbox where none is. */
function tier(name: Tier, env: NodeJS.ProcessEnv): ModelRef[] {
  const open = Object.entries(TIERS).filter(([provider]) => env[BUILT_IN[provider as keyof typeof TIERS].apiKeyEnv]);
  if (open.length === 0) return SANDBOX_MODELS.map((model) => `sandbox/${model}`);
  return open.map(([provider, models]) => `${provider}/${models[name]}`);
}

/** Every name a policy can be asked for by. */
export function policyNames(config: Config): string[] {
  return [...new Set(['default', 'fast', 'strong', ...Object.keys(config.policies), ...Object.keys(config.aliases)])];
}

function unknownName(name: string, config: Config, path: string): ProviderError {
  const known = nearestNames(name, policyNames(config), 8).join(', ');
  return new ProviderError({
    type: 'InvalidRequest',
    message: `There is no policy or model alias named "${name}". Known now: ${known}; a model is written provider/model. In ${path}.`,
    hint: 'Name one of those, write provider/model, or add the name to cadenza.config.ts.',
    path,
  });
}
