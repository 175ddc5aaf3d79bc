import { ListRuns, type RunPage } from '../contract/index.ts';
import { isRunCursor, type Runs } from '../store/runs.ts';
import { checked, refusal } from './errors.ts';

/** A page of runs, as the store has them. @throws CadenzaError InvalidRequest for a query that is none, or a strange cursor */
export async function listRuns(runs: Pick<Runs, 'list'>, query: ListRuns = {}): Promise<RunPage> {
  const { cursor } = checked(ListRuns, query, 'query');
  if (cursor !== undefined && !isRunCursor(cursor)) {
    throw refusal('InvalidRequest', 'cursor: It is not one that a page of this list gave', {
      path: 'query.cursor',
      hint: 'Begin without one, and go on with the nextCursor of each page',
    });
  }
  return runs.list(query);
}
