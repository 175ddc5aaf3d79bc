import { proxyLocalActivities } from '@temporalio/workflow';
import type { TranscriptActivities } from '../../contract/index.ts';

/** A transcript lies in the store; these cost no hop through the server, and leave a line in the history each. */
export const transcripts = proxyLocalActivities<TranscriptActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '100 ms', maximumInterval: '10 s' },
});
