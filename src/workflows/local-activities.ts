import { proxyLocalActivities } from '@temporalio/workflow';
import { LEAVES_TASK_AFTER_MS } from '../contract/index.ts';

/** Activities inside the workflow task. One that is to be repeated later than soon waits outside of it, on a timer. */
export const localActivities: typeof proxyLocalActivities = (options) =>
  proxyLocalActivities({ localRetryThreshold: LEAVES_TASK_AFTER_MS, ...options });
