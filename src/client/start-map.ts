import {
  fieldPath,
  MapDefinition,
  mapProblems,
  PATTERNS,
  promptHash,
  type RunOptions,
  type RunRef,
  withoutUndefined,
} from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { refusal } from './errors.ts';

/** A map's input with its rows in the store: only their data set travels. @param tenant whose run it is to be: its data and
 *  the map before it are the tenant's too. @param idOf finds the run an id names
 *  @throws CadenzaError InvalidRequest where the data set does not go with the rest */
export async function inputOfMap(
  { dataSets, maps }: Store,
  given: unknown,
  tenant: string | undefined,
  idOf: (id: string) => Promise<string>,
): Promise<MapDefinition> {
  const { items, after, ...definition } = MapDefinition.parse(given);
  const set = items ? await dataSets.put(items, tenant) : await dataSets.find(definition.source!, tenant);
  if (!set) throw refusal('InvalidRequest', `There is no data set ${definition.source}`, { path: 'input.source' });
  const noMap = () => refusal('InvalidRequest', `There is no map "${after}"`, { path: 'input.after' });
  const earlierRun = after === undefined ? undefined : await idOf(after).catch(() => Promise.reject(noMap()));
  const input = withoutUndefined({ ...definition, source: set.id, after: earlierRun });

  const [problem] = mapProblems(input, PATTERNS, set.fields);
  if (problem) {
    const path = fieldPath('input', problem.path);
    throw refusal('InvalidRequest', `${path}: ${problem.message}`, { path });
  }
  if (earlierRun !== undefined) {
    const chain = await maps.chainOf(earlierRun, tenant);
    const earlier = chain && (await maps.find(chain));
    if (!earlier) throw noMap();
    if (!(await dataSets.isSame(earlier.definition.source, set.id))) {
      throw refusal('InvalidRequest', `The map "${after}" went over other data`, { path: 'input.after' });
    }
  }
  return input;
}

/** Writes the beginning of a run whose id an earlier one had, so that whoever asks for the id from now on finds this one. */
export async function recordResumed(
  store: Store,
  id: string,
  chain: string,
  { input, options }: { input: unknown; options: RunOptions },
): Promise<void> {
  if (!(await store.runs.find(id))) return;
  const { webhook: _, ...kept } = options;
  const startedAt = new Date().toISOString();
  const run: RunRef = { ...kept, id, chain, pattern: 'map', startedAt, promptHash: promptHash('map', input) };
  await store.events.record(run, []);
}
