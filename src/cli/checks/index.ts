import { lookForTarget } from '../find-target.ts';
import { checkConfig } from './config.ts';
import { checkDatabase } from './database.ts';
import { type Check, type Examined, type Finding, reasonOf } from './finding.ts';
import { checkNode } from './node.ts';
import { checkProviders } from './providers.ts';
import { checkTemporal } from './temporal.ts';
import { checkTools } from './tools.ts';

export type { Finding } from './finding.ts';

/** Looks at everything Cadenza needs, at once. */
export async function checkAll(options: { env: NodeJS.ProcessEnv; cwd: string; fix: boolean }): Promise<Finding[]> {
  const { env, cwd, fix } = options;
  const { finding, config } = await checkConfig(cwd);
  const examined: Examined = { env, cwd, fix, config, target: lookForTarget(env) };
  const checks: [name: string, check: Check][] = [
    ['temporal', checkTemporal],
    ['postgresql', checkDatabase],
    ['providers', checkProviders],
    ['tools', checkTools],
  ];
  const found = await Promise.all(checks.map(([name, check]) => orBroken(name, check, examined)));
  return [checkNode(), finding, ...found.flat()];
}

/** A check that cannot be made is a finding too. */
async function orBroken(check: string, run: Check, examined: Examined): Promise<Finding[]> {
  try {
    return await run(examined);
  } catch (error) {
    return [{ check, state: 'broken', detail: reasonOf(error) }];
  }
}
