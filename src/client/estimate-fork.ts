import type { BillLine, ForkEstimate, ModelRef, Usage } from '../contract/index.ts';
import { estimateTokens, priceOf } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import type { StoredStep } from '../store/index.ts';

/** How much less or more tokens a call may have than the old one had. Rules of thumb: see docs/fork.md. */
interface Range {
  low: number;
  high: number;
}
const SAME: Range = { low: 1, high: 1 };
/** another answer to the same question, or of another model */
const OUTPUT: Range = { low: 0.5, high: 2 };
/** the same text for another model's tokenizer */
const TOKENIZER: Range = { low: 0.8, high: 1.4 };
/** what is asked with changed answers in it */
const LATER_INPUT: Range = { low: 0.75, high: 1.5 };

export interface ForkedSteps {
  chain: string;
  /** those that are asked anew, the one with the overrides first */
  steps: StoredStep[];
  /** asked first of all by the overriding policy */
  model?: ModelRef;
  prompt?: string;
}

/** What a fork would cost: the old run's usage, at the prices of the models it would ask. */
export async function estimateFork(
  { store, config }: Pick<OpenRooms, 'store' | 'config'>,
  { chain, steps, model, prompt }: ForkedSteps,
): Promise<ForkEstimate> {
  const at = steps[0]!.step;
  const calls: ForkEstimate['steps'] = [];
  for (const line of await linesOf(store, chain, steps)) {
    const isFirst = line.step === at;
    const asked = isFirst ? (model ?? line.model) : line.model;
    const usage = isFirst && prompt !== undefined ? { ...line.usage, inputTokens: estimateTokens(prompt) } : line.usage;
    const input = !isFirst || prompt !== undefined ? LATER_INPUT : asked === line.model ? SAME : TOKENIZER;
    const price = (inputs: number, outputs: number) => priceOf(asked, scaled(usage, inputs, outputs), config.prices);
    calls.push({
      step: line.step,
      model: asked,
      estimateUsd: price(1, 1),
      lowUsd: price(input.low, OUTPUT.low),
      highUsd: price(input.high, OUTPUT.high),
    });
  }
  return {
    estimateUsd: sum(calls.map(({ estimateUsd }) => estimateUsd)),
    lowUsd: sum(calls.map(({ lowUsd }) => lowUsd)),
    highUsd: sum(calls.map(({ highUsd }) => highUsd)),
    steps: calls,
  };
}

/** Bill lines of some steps of a run, and of the runs those are done by. */
async function linesOf(
  store: OpenRooms['store'],
  chain: string,
  steps: StoredStep[],
): Promise<Pick<BillLine, 'step' | 'model' | 'usage'>[]> {
  const named = new Set(steps.map(({ step }) => step));
  const own = (await store.ledger.bill(chain)).calls.filter(({ step }) => named.has(step));
  const inside = await Promise.all(
    steps.map(async ({ step, run }) => {
      const inner = run && (await store.runs.chainOf(run));
      if (!inner) return [];
      const lines = await linesOf(store, inner, await store.runs.steps(inner));
      return lines.map((line) => ({ ...line, step: `${step}/${line.step}` }));
    }),
  );
  return [...own, ...inside.flat()];
}

/** Nothing of it is taken to be in the provider's own cache. */
function scaled({ inputTokens, outputTokens }: Usage, inputs: number, outputs: number): Usage {
  return { inputTokens: Math.ceil(inputTokens * inputs), outputTokens: Math.ceil(outputTokens * outputs) };
}

/** null as soon as one is not known */
function sum(amounts: (number | null)[]): number | null {
  return amounts.reduce(
    (total, amount) => (total === null || amount === null ? null : total + amount),
    0 as number | null,
  );
}
