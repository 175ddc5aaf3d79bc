import { getHeapStatistics } from 'node:v8';
import type { Worker, WorkerOptions } from '@temporalio/worker';

const MB = 1024 ** 2;
/** Node and the library itself. */
const BASE_MB = 200;
/** A call in flight, its workflow in the cache, and room for long prompts: a guess on the safe side. */
const CALL_MB = 2;
const FEWEST = 100;
const MOST = 2_000;
const OTHER_WORKFLOW_TASKS = 20;

/**
 * How many calls a worker makes at once. They wait more than they compute, so memory is what limits them: a machine that has
 * 4 GB for Node makes about 2,000. @param memory bytes this process may use
 */
export function defaultSlots(memory = usableMemory()): number {
  return Math.max(FEWEST, Math.min(MOST, Math.floor((memory / MB - BASE_MB) / CALL_MB)));
}

function usableMemory(): number {
  const heap = getHeapStatistics().heap_size_limit;
  const container = process.constrainedMemory();
  return container > 0 ? Math.min(heap, container) : heap;
}

/** So many activities, and as many local ones. On the fast lane a workflow task lasts as long as its call: there are as
 *  many of those, and some for the other runs. */
export function slotOptions(slots: number): Partial<WorkerOptions> {
  return {
    maxConcurrentActivityTaskExecutions: slots,
    maxConcurrentLocalActivityExecutions: slots,
    maxConcurrentWorkflowTaskExecutions: slots + OTHER_WORKFLOW_TASKS,
  };
}

/** How many calls are under way, and may be, by lane. */
export type Slots = Record<'standard' | 'fast', { used: number; of: number }>;

export function slotsOf(worker: Pick<Worker, 'getStatus'>, slots: number): Slots {
  const { numInFlightNonLocalActivities: standard, numInFlightLocalActivities: fast } = worker.getStatus();
  return { standard: { used: standard, of: slots }, fast: { used: fast, of: slots } };
}
