import {
  type Client,
  type ConnectionLike,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { firstRunOf } from '../contract/index.ts';
import type { StoredRun } from '../store/index.ts';

/** A worker that lives takes an Update in some 10 ms; one that takes longer finds the Signal in Temporal, ms. */
const TAKEN_WITHIN_MS = 5_000;

/**
 * Tells a run something: by an Update while a worker lives, which says whether it was taken; else by the Signal of the
 * same name, which Temporal keeps until a worker is there.
 * @param id names what is told: delivered twice, it counts once
 * @param isTooEarly what the run says against it where it is only not as far yet: then it finds the Signal, too
 * @returns whether a worker took it. Throws what the run, or Temporal, says against it
 */
export async function deliver(
  { temporal, connection }: { temporal: Client; connection: ConnectionLike },
  run: StoredRun,
  name: string,
  given: unknown,
  id: string,
  isTooEarly: (refused: WorkflowUpdateFailedError) => boolean = () => false,
): Promise<boolean> {
  const handle = temporal.workflow.getHandle(run.id, undefined, { firstExecutionRunId: firstRunOf(run.chain) });
  try {
    await connection.withDeadline(Date.now() + TAKEN_WITHIN_MS, () =>
      handle.executeUpdate(name, { args: [given], updateId: id }),
    );
    return true;
  } catch (thrown) {
    const waits = thrown instanceof WorkflowUpdateFailedError && isTooEarly(thrown);
    if (!waits && !(thrown instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw thrown;
  }
  await handle.signal(name, given, id);
  return false;
}
