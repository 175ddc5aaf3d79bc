import { proxyActivities } from '@temporalio/workflow';
import type { Policy } from 'cadenza/contract';
import { generate } from 'cadenza/workflow';
import type { PlainActivities } from './plain-activities.ts';

export { ask } from 'cadenza/workflow';

export interface ThreeSteps {
  topic: string;
  policy: Policy;
}

/** Three model calls, one after the other, with Cadenza. */
export async function cadenzaChain({ topic, policy }: ThreeSteps): Promise<string> {
  const one = await generate({ step: 'one', policy, prompt: `${topic} 1` });
  const two = await generate({ step: 'two', policy, prompt: `${topic} 2 ${one.text}` });
  const three = await generate({ step: 'three', policy, prompt: `${topic} 3 ${two.text}` });
  return three.text;
}

const { ask } = proxyActivities<PlainActivities>({ startToCloseTimeout: '1 minute', heartbeatTimeout: '8 s' });

/** The same by hand: Temporal activities around the provider's SDK, with no events, journal or bill. */
export async function plainChain({ topic }: { topic: string }): Promise<string> {
  const one = await ask(`${topic} 1`);
  const two = await ask(`${topic} 2 ${one}`);
  return ask(`${topic} 3 ${two}`);
}
