import { readEnvironment } from '../../config/index.ts';
import { findTemporalCli } from '../../local/temporal-cli.ts';
import type { Examined, Finding } from './finding.ts';

/** Whether the programs of the embedded default are there. Where the environment names servers, they are not needed. */
export function checkTools({ env }: Examined): Finding[] {
  const { temporalAddress, home } = readEnvironment(env);
  if (temporalAddress) return [];
  const cli = findTemporalCli(home, env);
  if (cli) return [{ check: 'tools', state: 'ok', detail: `Temporal CLI: ${cli}` }];
  const detail = 'The Temporal CLI is not here yet; it is fetched at the first start';
  return [{ check: 'tools', state: 'warning', detail, mend: 'npm start' }];
}
