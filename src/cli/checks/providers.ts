import type { Definition } from '../../providers/definitions.ts';
import type { Examined, Finding } from './finding.ts';
import { reasonOf } from './finding.ts';

const PATIENCE_MS = 5_000;

/** Which providers have a key, and whether their endpoints answer to it. Names only: values stay in the environment. */
export async function checkProviders({ env, config }: Examined): Promise<Finding[]> {
  if (!config) return [];
  const { definitions, hasKey } = await import('../../providers/definitions.ts');
  const all = [...definitions(config, env).values()];
  const missing = all.filter((provider) => !hasKey(provider, env)).map(({ keyVariable }) => keyVariable);
  const findings = await Promise.all(all.filter((provider) => hasKey(provider, env)).map((each) => ask(each, env)));
  if (missing.length === 0) return findings;
  const detail = `No ${missing.join(', no ')}`;
  if (findings.length > 0) return [...findings, { check: 'providers', state: 'warning', detail }];
  const sandbox = `${detail}: only the simulated sandbox/... models answer`;
  return [{ check: 'providers', state: 'warning', detail: sandbox, mend: 'Set one of them where Cadenza runs' }];
}

async function ask(definition: Definition, env: NodeJS.ProcessEnv): Promise<Finding> {
  const { name, keyVariable } = definition;
  const check = `provider ${name}`;
  const mend = keyVariable ? `Check ${keyVariable} and the address of ${name}` : `Check the address of ${name}`;
  const { openWire } = await import('../../providers/definitions.ts');
  try {
    const provider = openWire(definition, env);
    try {
      const models = await provider.listModels(AbortSignal.timeout(PATIENCE_MS));
      return { check, state: 'ok', detail: `${keyVariable ?? 'no key needed'}, ${models.length} models` };
    } catch (error) {
      const { type, message } = provider.asCallError(error);
      return { check, state: 'broken', detail: `${type}: ${message}`, mend };
    }
  } catch (error) {
    return { check, state: 'broken', detail: reasonOf(error), mend };
  }
}
