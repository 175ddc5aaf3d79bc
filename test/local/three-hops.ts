import { proxyActivities } from '@temporalio/workflow';

const { next } = proxyActivities<{ next(value: number): Promise<number> }>({ startToCloseTimeout: '5 s' });

/** A workflow with three activities, one after the other. */
export async function threeHops(value: number): Promise<number> {
  return next(await next(await next(value)));
}
