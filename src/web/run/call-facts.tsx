import { useClock } from '../parts/clock.ts';
import { count, duration, usd } from '../parts/figures.ts';
import { type Cost, estimateOf, saidTokens } from './cost.ts';
import type { CallView } from './run-view.ts';

interface CallFactsProps {
  call: CallView | undefined;
  isOpen: boolean;
  /** of the whole step, where that is known */
  cost?: Cost;
}

/** First token, pace, tokens, cost and end of a call: as far as they are known, estimated until they are. */
export function CallFacts({ call, isOpen, cost }: CallFactsProps) {
  const now = useClock(isOpen);
  const facts = call ? factsOf(call, isOpen, now, cost) : [];
  return (
    <dl class="facts figures">
      {facts.map(({ name, value, title }) => (
        <div key={name} title={title ?? name}>
          <dt class="unseen">{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

interface Fact {
  name: string;
  value: string;
  title?: string;
}

function factsOf(call: CallView, isOpen: boolean, now: number, cost: Cost | undefined): Fact[] {
  const { startedAt, firstTokenAt, lastAt, state, usage, finishReason, cached, error } = call;
  const firstMs = call.firstTokenMs ?? (firstTokenAt === undefined ? undefined : firstTokenAt - startedAt);
  if (firstMs === undefined && state === 'waiting') {
    return isOpen ? [{ name: 'Waiting for the first token', value: duration(Math.max(0, now - startedAt)) }] : [];
  }
  const tokens = usage?.outputTokens ?? saidTokens(call);
  const spokeMs = call.totalMs !== undefined ? call.totalMs - (firstMs ?? 0) : lastAt - (firstTokenAt ?? startedAt);
  const pace = spokeMs > 200 ? Math.round(tokens / (spokeMs / 1_000)) : undefined;
  const about = usage ? '' : '≈ ';
  return [
    ...(firstMs === undefined || cached ? [] : [{ name: 'First token', value: duration(firstMs) }]),
    ...(pace === undefined || cached ? [] : [{ name: 'Pace', value: `${about}${count(pace)} tok/s` }]),
    {
      name: 'Tokens',
      value: `${about}${count(tokens)} tok`,
      title: usage ? `${usage.inputTokens} in, ${usage.outputTokens} out` : 'Estimated until the provider tells',
    },
    ...costFacts(call, cost),
    ...(finishReason === undefined || error ? [] : [{ name: 'Finish', value: FINISHES[finishReason] ?? finishReason }]),
  ];
}

function costFacts(call: CallView, cost: Cost | undefined): Fact[] {
  if (call.cached) return [{ name: 'Cost', value: 'from before, $0' }];
  if (cost) return [{ name: 'Cost', value: `${cost.isEstimate ? '≈ ' : ''}${usd(cost.usd)}` }];
  if (call.costUsd !== undefined) return [{ name: 'Cost', value: usd(call.costUsd) }];
  const soFarUsd = estimateOf(call);
  return soFarUsd === undefined ? [] : [{ name: 'Cost so far', value: `≈ ${usd(soFarUsd)}` }];
}

const FINISHES: Record<string, string> = {
  stop: 'finished',
  length: 'cut at its limit',
  contentFilter: 'filtered',
  refusal: 'refused',
  toolCalls: 'asks for tools',
};
