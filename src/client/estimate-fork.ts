import type { ForkEstimate, ModelRef, Usage } from '../contract/index.ts';
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
  /** the old run came to its end: it has no steps that it did not begin */
  isWhole: boolean;
}

/** What is known of the calls that some steps made. */
interface Made {
  calls: { step: string; model: ModelRef; usage?: Usage }[];
  /** nothing else is to be paid for them */
  isAll: boolean;
}

const NOT_KNOWN = { estimateUsd: null, lowUsd: null, highUsd: null };

/** What a fork would cost: the old run's usage, at the prices of the models it would ask. */
export async function estimateFork(
  { store, config }: Pick<OpenRooms, 'store' | 'config'>,
  { chain, steps, model, prompt, isWhole }: ForkedSteps,
): Promise<ForkEstimate> {
  const at = steps[0]!.step;
  const calls: ForkEstimate['steps'] = [];
  const made = await madeBy(store, chain, steps);
  for (const line of made.calls) {
    const isFirst = line.step === at;
    const asked = isFirst ? (model ?? line.model) : line.model;
    if (!line.usage) {
      calls.push({ step: line.step, model: asked, ...NOT_KNOWN });
      continue;
    }
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
  if (!isWhole || !made.isAll) return { ...NOT_KNOWN, steps: calls };
  return {
    estimateUsd: sum(calls.map(({ estimateUsd }) => estimateUsd)),
    lowUsd: sum(calls.map(({ lowUsd }) => lowUsd)),
    highUsd: sum(calls.map(({ highUsd }) => highUsd)),
    steps: calls,
  };
}

/** By the bills of the run and of those its steps are done by; a step without an answer says what its attempts used, if anything. */
async function madeBy(store: OpenRooms['store'], chain: string, steps: StoredStep[]): Promise<Made> {
  const named = new Set(steps.map(({ step }) => step));
  const [bill, unanswered] = await Promise.all([store.ledger.bill(chain), store.runs.unanswered(chain)]);
  const billed = bill.calls.filter(({ step }) => named.has(step));
  const open = unanswered.filter(({ step }) => named.has(step));
  const unbilled = open.filter(({ step }) => !billed.some((line) => line.step === step));
  const inside = await Promise.all(steps.map((step) => madeInside(store, step)));
  return {
    calls: [...billed, ...unbilled, ...inside.flatMap(({ calls }) => calls)],
    isAll: open.length === 0 && inside.every(({ isAll }) => isAll),
  };
}

async function madeInside(store: OpenRooms['store'], { step, run }: StoredStep): Promise<Made> {
  if (run === undefined) return { calls: [], isAll: true };
  const inner = await store.runs.chainOf(run);
  if (inner === undefined) return { calls: [], isAll: false };
  const { calls, isAll } = await madeBy(store, inner, await store.runs.steps(inner));
  return { isAll, calls: calls.map((call) => ({ ...call, step: `${step}/${call.step}` })) };
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
