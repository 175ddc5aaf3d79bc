import type { Config } from '../../config/index.ts';
import type { Examined, Finding } from './finding.ts';
import { reasonOf } from './finding.ts';

const PATIENCE_MS = 5_000;

interface Wanted {
  name: string;
  keyName?: string;
  /** has what it takes to be asked */
  isSet: boolean;
}

/** Which providers have a key, and whether their endpoints answer to it. Names only: values stay in the environment. */
export async function checkProviders({ env, config }: Examined): Promise<Finding[]> {
  if (!config) return [];
  const wanted = providersOf(config, env);
  const isSet = wanted.filter((provider) => provider.isSet);
  const missing = wanted.filter((provider) => !provider.isSet);
  const findings = await askAll(isSet, config, env);
  const names = missing.map(({ keyName }) => keyName).join(', ');
  if (isSet.length === 0) {
    const detail = 'No API key is set, so only the simulated sandbox/... models answer';
    return [{ check: 'providers', state: 'warning', detail, mend: `Set one of ${names}` }];
  }
  return missing.length === 0
    ? findings
    : [...findings, { check: 'providers', state: 'warning', detail: `Not set: ${names}` }];
}

function providersOf(config: Config, env: NodeJS.ProcessEnv): Wanted[] {
  const known = ['openai', 'anthropic', 'gemini'].filter((name) => !Object.hasOwn(config.providers, name));
  return [
    ...known.map((name) => {
      const keyName = `${name.toUpperCase()}_API_KEY`;
      return { name, keyName, isSet: Boolean(env[keyName]) };
    }),
    ...Object.entries(config.providers).map(([name, { apiKeyEnv: keyName }]) => ({
      name,
      keyName,
      isSet: keyName === undefined || Boolean(env[keyName]),
    })),
  ];
}

async function askAll(wanted: Wanted[], config: Config, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  if (wanted.length === 0) return [];
  const { providerRegistry } = await import('../../providers/index.ts');
  const registry = providerRegistry({ config, env });
  try {
    return await Promise.all(wanted.map((provider) => ask(provider, registry)));
  } finally {
    await registry.close();
  }
}

type Registry = ReturnType<typeof import('../../providers/index.ts').providerRegistry>;

async function ask({ name, keyName }: Wanted, registry: Registry): Promise<Finding> {
  const check = `provider ${name}`;
  const mend = keyName ? `Check ${keyName} and the address of ${name}` : `Check the address of ${name}`;
  try {
    const provider = registry.open(`${name}/any`);
    try {
      const models = await provider.listModels(AbortSignal.timeout(PATIENCE_MS));
      return { check, state: 'ok', detail: `${keyName ?? 'no key needed'}, ${models.length} models` };
    } catch (error) {
      const { type, message } = provider.asCallError(error);
      return { check, state: 'broken', detail: `${type}: ${message}`, mend };
    }
  } catch (error) {
    return { check, state: 'broken', detail: reasonOf(error), mend };
  }
}
