import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import type { Booked, ModelReply } from '../contract/index.ts';
import { host } from './host.ts';
import { currentRun } from './run.ts';

const MODELS = defineSearchAttributeKey('CadenzaModels', SearchAttributeType.KEYWORD_LIST);
const COST = defineSearchAttributeKey('CadenzaCostUsd', SearchAttributeType.DOUBLE);

/** Counts a reply in the run's own sums. */
export function spent(reply: Pick<ModelReply, 'model' | 'costUsd'>): void {
  const current = currentRun();
  current.models.add(reply.model);
  current.spentUsd += reply.costUsd ?? 0;
}

/** Sets the run's own sums, where what it spent is summed elsewhere. */
export function spentInAll(usd: number, models: string[]): void {
  const current = currentRun();
  for (const model of models) current.models.add(model);
  current.spentUsd = usd;
}

/** Makes what the run cost and used searchable. */
export function publishTotals(): void {
  const { models, spentUsd } = currentRun();
  host().upsertSearchAttributes([
    ...(models.size === 0 ? [] : [{ key: MODELS, value: [...models] }]),
    { key: COST, value: Number(spentUsd.toFixed(9)) },
  ]);
}

/** Corrects the run's sum by what is booked for it: attempts that were cut or stopped cost too, and no reply tells of them. */
export function publishBooked({ costUsd }: Booked): void {
  const current = currentRun();
  if (Number(costUsd.toFixed(9)) <= Number(current.spentUsd.toFixed(9))) return;
  current.spentUsd = costUsd;
  publishTotals();
}

/** USD the run has spent so far, as far as prices are known. */
export function totalUsd(): number {
  return currentRun().spentUsd;
}
