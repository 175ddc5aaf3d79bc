import { existsSync, readFileSync } from 'node:fs';
import type { Config } from '../../config/index.ts';
import { invalidRequest, Route } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { parseJson } from '../read-input.ts';

/** The routers `--routes` names: a file with one or with several by their names, or names of the config. */
export function readRoutes(given: string, config: Config): Record<string, Route> {
  if (given.endsWith('.json')) return fromFile(given);
  const names = given.split(',').map((name) => name.trim());
  return Object.fromEntries(
    names.filter(Boolean).map((name) => {
      const route = Object.hasOwn(config.routes, name) ? config.routes[name] : undefined;
      if (route) return [name, route];
      const known = Object.keys(config.routes);
      const hint = known.length === 0 ? 'The config has none.' : `Known: ${known.join(', ')}.`;
      throw usageError(`There is no route named "${name}" in the config.`, `${hint} --routes also takes a .json file.`);
    }),
  );
}

function fromFile(file: string): Record<string, Route> {
  if (!existsSync(file))
    throw usageError(`There is no file "${file}".`, '--routes takes a .json file, or names of the config.');
  const read = parseJson(readFileSync(file, 'utf8'), file) as Record<string, unknown>;
  const routes = typeof read?.strategy === 'string' ? { route: read } : read;
  return Object.fromEntries(
    Object.entries(routes).map(([name, route]) => {
      const parsed = Route.safeParse(route);
      if (!parsed.success) throw usageError(`${file}: ${invalidRequest(parsed.error, name).message}.`);
      return [name, parsed.data];
    }),
  );
}
