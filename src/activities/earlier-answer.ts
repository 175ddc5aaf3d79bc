import type { CallError, ModelCall, ModelReply } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { callKey } from './call-key.ts';

/** What the same call gave in the run this one is a fork of: its answer, or the error after which the run left the model. */
export async function earlierAnswer(
  { journal, runs }: Pick<Store, 'journal' | 'runs'>,
  call: ModelCall,
  requestHash: string,
): Promise<{ reply: ModelReply } | { error: CallError } | undefined> {
  if (call.from === undefined) return undefined;
  const chain = 'chain' in call.from ? call.from.chain : await runs.chainOf(call.from.run);
  if (chain === undefined) return undefined;
  const found = await journal.ended(callKey({ ...call, run: { ...call.run, chain } }, requestHash));
  // That a person stopped the old run says nothing of this one.
  return found && 'error' in found && found.error.type === 'Cancelled' ? undefined : found;
}
