import type { ModelRef, Votes } from '../contract/index.ts';
import type { Store, StoredRun } from '../store/index.ts';
import { refusal } from './errors.ts';

/** Keeps which answer of a comparison somebody found best. @throws CadenzaError InvalidRequest */
export async function vote(store: Store, run: StoredRun, best: ModelRef | null, voter?: string): Promise<Votes> {
  if (run.pattern !== 'compare') {
    const hint = 'Votes are for the answers of a compare';
    throw refusal('InvalidRequest', `A ${run.pattern} has no answers to choose from`, { path: 'id', hint });
  }
  if (best !== null) {
    const { steps } = await store.runs.timeline(run.chain);
    const asked = steps.find(({ step }) => step === best);
    if (!asked) throw refusal('InvalidRequest', `The run ${run.id} has not asked ${best}`, { path: 'best' });
    // One that is still at work may be the best by what it has said so far.
    if (asked.error !== undefined || (asked.endedAt === undefined && run.status !== 'running')) {
      throw refusal('InvalidRequest', `The run ${run.id} has no answer of ${best}`, { path: 'best' });
    }
  }
  await store.votes.cast(run.chain, best, voter);
  return store.votes.of(run.chain, voter);
}
