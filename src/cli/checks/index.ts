import path from 'node:path';
import { type Config, findConfigFile, loadConfig, namedTemporal, readEnvironment } from '../../config/index.ts';
import { findTemporalCli } from '../../local/temporal-cli.ts';
import { lookForTarget } from '../find-target.ts';
import { checkDatabase } from './database.ts';
import { type Check, type Examined, type Finding, reasonOf } from './finding.ts';
import { checkLimits } from './limits.ts';
import { checkProviders } from './providers.ts';
import { checkTemporal } from './temporal.ts';

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
    ['limits', checkLimits],
    ['tools', checkTools],
  ];
  const found = await Promise.all(checks.map(([name, check]) => guarded(name, check, examined)));
  return [checkNode(), finding, ...found.flat()];
}

/** A check that cannot be made is a finding too. */
async function guarded(check: string, run: Check, examined: Examined): Promise<Finding[]> {
  try {
    return await run(examined);
  } catch (error) {
    return [{ check, state: 'broken', detail: reasonOf(error) }];
  }
}

const OLDEST_NODE = 24;

function checkNode(): Finding {
  const { version } = process;
  const major = Number(version.slice(1).split('.')[0]);
  if (major >= OLDEST_NODE) return { check: 'node', state: 'ok', detail: `Node ${version}` };
  const mend = 'npm install (brings Node 24 with it), then run through npm or npx';
  return { check: 'node', state: 'broken', detail: `Node ${version} is older than ${OLDEST_NODE}`, mend };
}

/** Reads the config file, and tells how that went. */
async function checkConfig(cwd: string): Promise<{ finding: Finding; config?: Config }> {
  const file = findConfigFile(cwd);
  try {
    const config = await loadConfig({ cwd });
    const detail = file
      ? `${path.basename(file)} is usable`
      : 'no cadenza.config.ts here, so everything has its default';
    return { finding: { check: 'config', state: 'ok', detail }, config };
  } catch (error) {
    const mend = `Correct ${file ? path.basename(file) : 'cadenza.config.ts'}`;
    return { finding: { check: 'config', state: 'broken', detail: reasonOf(error), mend } };
  }
}

/** Whether the programs of the embedded default are there. Where the environment names servers, they are not needed. */
function checkTools({ env }: Examined): Finding[] {
  if (namedTemporal(env)?.chosen) return [];
  const { home } = readEnvironment(env);
  const cli = findTemporalCli(home, env);
  if (cli) return [{ check: 'tools', state: 'ok', detail: `Temporal CLI: ${cli}` }];
  const detail = 'The Temporal CLI is not here yet; it is fetched at the first start';
  return [{ check: 'tools', state: 'warning', detail, mend: 'npm start' }];
}
