import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { fieldPath } from '../contract/index.ts';
import { Config, type ConfigInput } from './config.ts';

const FILES = ['cadenza.config.ts', 'cadenza.config.mjs', 'cadenza.config.js'];

/** The config file of a folder, if it has one. */
export function findConfigFile(cwd: string): string | undefined {
  return FILES.map((name) => path.join(cwd, name)).find((file) => existsSync(file));
}

/** Reads `cadenza.config.ts` of the folder; without one, everything has its default.
 *  @throws Error naming the file and the field that is wrong */
export async function loadConfig({ cwd = process.cwd() }: { cwd?: string } = {}): Promise<Config> {
  const file = findConfigFile(cwd);
  if (!file) return parseConfig({}, 'config');
  const module = (await import(pathToFileURL(file).href)) as { default?: ConfigInput };
  if (module.default === undefined)
    throw new Error(`${path.basename(file)} has no default export. End it with: export default defineCadenza({ ... })`);
  return parseConfig(module.default, path.basename(file));
}

export function parseConfig(input: ConfigInput, source = 'config'): Config {
  const parsed = Config.safeParse(input);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new Error(`${fieldPath(source, issue.path)}: ${issue.message}`);
}
