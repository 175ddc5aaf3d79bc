import { TestWorkflowEnvironment } from '@temporalio/testing';
import { SEARCH_ATTRIBUTES, type SearchAttribute } from '../../src/contract/index.ts';
import { registerSearchAttributes } from '../../src/workers/index.ts';

/** A Temporal server of the test's own, whose time passes at once where a run waits: days take no time. */
export async function skippedTime(): Promise<TestWorkflowEnvironment> {
  const path = process.env.CADENZA_TEST_SERVER_PATH;
  const time = await TestWorkflowEnvironment.createTimeSkipping(
    path === undefined ? {} : { server: { executable: { type: 'existing-path', path } } },
  );
  await registerSearchAttributes(time.nativeConnection, 'default', Object.keys(SEARCH_ATTRIBUTES) as SearchAttribute[]);
  return time;
}
