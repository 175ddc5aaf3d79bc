import { fieldPath, MapDefinition, mapProblems, PATTERNS, type RunOptions, type RunRef } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { refusal } from './errors.ts';

/** A map's input with its rows in the store: only their data set travels.
 *  @throws CadenzaError InvalidRequest where the data set does not go with the rest */
export async function inputOfMap({ dataSets, maps }: Store, given: unknown): Promise<MapDefinition> {
  const { items, ...definition } = MapDefinition.parse(given);
  const set = items ? await dataSets.put(items) : await dataSets.find(definition.source!);
  if (!set) throw refusal('InvalidRequest', `There is no data set ${definition.source}`, { path: 'input.source' });
  const input = { ...definition, source: set.id };

  const [problem] = mapProblems(input, PATTERNS, set.fields);
  if (problem) {
    const path = fieldPath('input', problem.path);
    throw refusal('InvalidRequest', `${path}: ${problem.message}`, { path });
  }
  if (definition.after !== undefined) {
    const chain = await maps.chainOf(definition.after);
    const earlier = chain && (await maps.find(chain));
    if (!earlier) throw refusal('InvalidRequest', `There is no map "${definition.after}"`, { path: 'input.after' });
    if (!(await dataSets.isSame(earlier.definition.source, set.id))) {
      throw refusal('InvalidRequest', `The map "${definition.after}" went over other data`, { path: 'input.after' });
    }
  }
  return input;
}

/** Writes the beginning of a run whose id an earlier one had, so that whoever asks for the id from now on finds this one. */
export async function recordResumed(store: Store, id: string, chain: string, options: RunOptions): Promise<void> {
  if (!(await store.runs.find(id))) return;
  const { webhook: _, ...kept } = options;
  const run: RunRef = { ...kept, id, chain, pattern: 'map', startedAt: new Date().toISOString() };
  await store.events.record(run, []);
}
