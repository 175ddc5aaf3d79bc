import path from 'node:path';
import { type Config, findConfigFile, loadConfig } from '../../config/index.ts';
import { type Finding, reasonOf } from './finding.ts';

/** Reads the config file, and tells how that went. */
export async function checkConfig(cwd: string): Promise<{ finding: Finding; config?: Config }> {
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
