import type { TranscriptActivities } from '../../contract/index.ts';
import { localActivities } from '../local-activities.ts';

/** A transcript lies in the store; these cost no hop through the server, and leave a line in the history each. */
export const transcripts = localActivities<TranscriptActivities>({
  startToCloseTimeout: '1 minute',
  retry: { initialInterval: '100 ms', maximumInterval: '10 s' },
});
