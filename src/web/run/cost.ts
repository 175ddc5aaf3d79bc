import type { Bill } from '../../contract/index.ts';
import { priceOf } from '../api/models.ts';
import { type CallView, callsOf, hasEnded, type RunView } from './run-view.ts';

/** USD; null: no price is known. An estimate is of what no provider has told, here or on the bill. */
export interface Cost {
  usd: number | null;
  isEstimate: boolean;
}

/** Characters a token has on average, in English: what models say is counted so until the provider tells. */
const CHARACTERS_A_TOKEN = 4;

export function saidTokens({ text, reasoning }: CallView): number {
  return Math.ceil((text.length + reasoning.length) / CHARACTERS_A_TOKEN);
}

/** What a call cost that speaks, or was cut while it did, by what it said, USD: its input is not known. */
export function estimateOf(call: CallView): number | undefined {
  const isUntold = call.costUsd === undefined && (call.state === 'speaking' || call.state === 'failed');
  const price = isUntold && saidTokens(call) > 0 ? priceOf(call.model) : undefined;
  return price && (saidTokens(call) * price.output) / 1_000_000;
}

/** What a step has cost: what its events tell, or its bill where that knows more, and an estimate of what neither does. */
export function costOfStep(view: RunView, step: string, bill: Bill | undefined): Cost | undefined {
  const calls = callsOf(view, step);
  const lines = bill?.calls.filter((line) => line.step === step) ?? [];
  const told = calls.flatMap(({ costUsd }) => (costUsd === undefined ? [] : [costUsd]));
  const billed = lines.map(({ costUsd }) => costUsd);
  const guessed = calls.flatMap((call) =>
    call.state === 'speaking' || lines.length === 0 ? (estimateOf(call) ?? []) : [],
  );
  if (told.length + billed.length + guessed.length === 0) return undefined;
  if (guessed.length === 0 && [...told, ...billed].every((one) => one === null))
    return { usd: null, isEstimate: false };
  return {
    usd: Math.max(sum(told), sum(billed)) + sum(guessed),
    isEstimate: guessed.length > 0 || lines.some(({ estimated }) => estimated),
  };
}

/** What a run has cost: once it has ended, what is on its bill. */
export function costOfRun(view: RunView, bill: Bill | undefined): Cost {
  if (hasEnded(view) && bill && isWhole(view, bill))
    return { usd: bill.totalUsd, isEstimate: bill.calls.some(({ estimated }) => estimated) };
  const costs = [...view.steps.keys()].flatMap((step) => costOfStep(view, step, bill) ?? []);
  const isUnknown = costs.length > 0 && costs.every(({ usd }) => usd === null);
  return { usd: isUnknown ? null : sum(costs.map(({ usd }) => usd)), isEstimate: costs.some((one) => one.isEstimate) };
}

/** Whether all that was cut while it spoke is on the bill: a run may have ended before its calls had. */
export function isWhole(view: RunView, { calls }: Bill): boolean {
  const billed = new Set(calls.map(({ step }) => step));
  return [...view.calls.values()].every(
    (call) => call.state !== 'failed' || saidTokens(call) === 0 || billed.has(call.step),
  );
}

function sum(usd: (number | null)[]): number {
  return usd.reduce<number>((total, one) => total + (one ?? 0), 0);
}
