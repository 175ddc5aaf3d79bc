import type { CallError } from '../contract/index.ts';

/** What an address says that does not know the endpoint. */
const UNKNOWN = new Set([404, 405, 501]);

/** Whether an address that is asked for its list of batches knows what that is. @throws what says nothing of it */
export async function knowsBatches(
  listed: PromiseLike<unknown>,
  asCallError: (error: unknown) => CallError,
): Promise<boolean> {
  try {
    await listed;
    return true;
  } catch (thrown) {
    const { status } = asCallError(thrown);
    if (status !== undefined && UNKNOWN.has(status)) return false;
    throw thrown;
  }
}
