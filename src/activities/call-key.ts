import { createHash } from 'node:crypto';
import { canonicalJson, type ModelCall, type ModelRequest } from '../contract/index.ts';

/** The name under which a call is paid once: the run's chain, the step's place in it, and what is asked of which model.
 *  Neither the attempt nor the run id is part of it, so that it is the same after a retry, a reset and continue-as-new. */
export function callKey(call: ModelCall, requestHash: string): string {
  return sha256(
    [call.run.chain, call.place ?? call.step, call.model, requestHash, String(call.sample ?? 0)].join('\n'),
  );
}

/** What is asked, whichever model is asked. */
export function hashOfRequest(request: ModelRequest): string {
  return sha256(canonicalJson(request));
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
