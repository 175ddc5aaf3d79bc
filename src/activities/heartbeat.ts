import { Context } from '@temporalio/activity';

/** A cancellation is told in answer to a heartbeat: the provider's connection is to be closed within a second, ms. */
const HEARTBEAT_MS = 800;
/** A lease of 15 s need not be renewed at each beat. */
const BEATS_A_HOLD = 4;

/** Tells Temporal, and whoever waits for this activity, that its worker lives. @returns a function that stops it */
export function heartbeat(hold?: () => Promise<void> | undefined): () => void {
  const context = Context.current();
  let beats = 0;
  // Local activities belong to their workflow task, and have no heartbeat of their own.
  const beat = () => (context.info.isLocal ? undefined : context.heartbeat());
  // Not at once: that a worker took it, Temporal knows, and most calls end before it would ask.
  const timer = setInterval(() => {
    beat();
    beats += 1;
    if (beats % BEATS_A_HOLD === 0) hold?.()?.catch(() => {});
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
