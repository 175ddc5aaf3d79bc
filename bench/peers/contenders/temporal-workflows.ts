import { proxyActivities, sleep } from '@temporalio/workflow';
import { WorkflowStream } from '@temporalio/workflow-streams/workflow';
import type { Activities } from './temporal.ts';

export interface Beats {
  /** how long the server believes in an activity that says nothing, ms; else until the minute is over */
  heartbeatTimeout?: number;
}

export async function chain(topic: string, beats: Beats): Promise<string> {
  const { ask } = activities(beats);
  const one = await ask(`${topic} 1`);
  const two = await ask(`${topic} 2 ${one}`);
  return ask(`${topic} 3 ${two}`);
}

export async function stream(prompt: string, beats: Beats): Promise<void> {
  new WorkflowStream();
  await activities(beats).publish(prompt);
  // The log ends with the workflow: its reader must have come by once more.
  await sleep('500 ms');
}

function activities({ heartbeatTimeout }: Beats) {
  return proxyActivities<Activities>({ startToCloseTimeout: '1 minute', heartbeatTimeout });
}
