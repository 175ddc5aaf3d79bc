import { Context } from '@temporalio/activity';

const HEARTBEAT_MS = 2_000;

/** Tells Temporal, and whoever waits for this activity, that its worker lives. @returns a function that stops it */
export function heartbeat(hold?: () => Promise<void> | undefined): () => void {
  const context = Context.current();
  // Local activities belong to their workflow task, and have no heartbeat of their own.
  const beat = () => (context.info.isLocal ? undefined : context.heartbeat());
  beat();
  const timer = setInterval(() => {
    beat();
    hold?.()?.catch(() => {});
  }, HEARTBEAT_MS);
  return () => clearInterval(timer);
}
