import { CompareInput, CompareResult, type ModelRef, type VotedRun, VotedRunsQuery } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import type { Outcome } from './cadenza.ts';
import { checked } from './errors.ts';

/** Runs that are read at once. */
const AT_ONCE = 16;

export interface RunReader {
  input(id: string): Promise<{ input: unknown }>;
  outcome(id: string, waitSeconds: number): Promise<Outcome>;
}

/** Comparisons that people voted on, with the answer most of them found best. What Temporal has forgotten is left out, and so
 *  are ties. @param tenant whose; left out, anybody's */
export async function votedRuns(
  { votes }: Pick<Store, 'votes'>,
  reader: RunReader,
  given: VotedRunsQuery = {},
  tenant?: string,
): Promise<VotedRun[]> {
  const { hours, limit } = checked(VotedRunsQuery, given, 'query');
  const runs = await votes.recent({ hours, limit, tenant });
  const read: (VotedRun | undefined)[] = [];
  for (let start = 0; start < runs.length; start += AT_ONCE) {
    const page = runs.slice(start, start + AT_ONCE);
    read.push(...(await Promise.all(page.map(({ id, best }) => votedRun(reader, id, best)))));
  }
  return read.filter((run) => run !== undefined);
}

async function votedRun(reader: RunReader, id: string, best: ModelRef): Promise<VotedRun | undefined> {
  const [given, ended] = await Promise.all([reader.input(id), reader.outcome(id, 0)]).catch(() => []);
  const input = CompareInput.safeParse(given?.input);
  const result = ended?.status === 'completed' ? CompareResult.safeParse(ended.result) : undefined;
  if (!input.success || !result?.success) return undefined;
  const answer = result.data.answers.find(({ model }) => model === best);
  if (answer === undefined || !('text' in answer)) return undefined;
  const { prompt, messages, system } = input.data;
  return { run: id, prompt, messages, system, expected: answer.text, model: best };
}
