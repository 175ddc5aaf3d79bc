import { priceOf } from '../api/models.ts';
import { useClock } from '../parts/clock.ts';
import { count, duration, usd } from '../parts/figures.ts';
import type { CallView } from './run-view.ts';

/** First token, pace, tokens, cost and end of a call: as far as they are known, estimated until they are. */
export function CallFacts({ call, isOpen }: { call: CallView | undefined; isOpen: boolean }) {
  const now = useClock(isOpen);
  const facts = call ? factsOf(call, isOpen, now) : [];
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

/** Characters a token has on average, in English: what models say is counted so until the provider tells. */
const CHARACTERS_A_TOKEN = 4;

function saidTokens({ text, reasoning }: CallView): number {
  return Math.ceil((text.length + reasoning.length) / CHARACTERS_A_TOKEN);
}

/** What a call that still speaks has cost so far, USD, by what it has said; its input is not known yet. */
export function costSoFar(call: CallView): number | undefined {
  const price = call.state === 'speaking' ? priceOf(call.model) : undefined;
  return price && (saidTokens(call) * price.output) / 1_000_000;
}

function factsOf(call: CallView, isOpen: boolean, now: number): Fact[] {
  const { startedAt, firstTokenAt, lastAt, state, usage, costUsd, finishReason, cached, error } = call;
  const firstMs = call.firstTokenMs ?? (firstTokenAt === undefined ? undefined : firstTokenAt - startedAt);
  if (firstMs === undefined && state === 'waiting') {
    return isOpen ? [{ name: 'Waiting for the first token', value: duration(Math.max(0, now - startedAt)) }] : [];
  }
  const tokens = usage?.outputTokens ?? saidTokens(call);
  const soFarUsd = costSoFar(call);
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
    ...(soFarUsd === undefined ? [] : [{ name: 'Cost so far', value: `≈ ${usd(soFarUsd)}` }]),
    ...(costUsd === undefined ? [] : [{ name: 'Cost', value: cached ? 'from before, $0' : usd(costUsd) }]),
    ...(finishReason === undefined || error ? [] : [{ name: 'Finish', value: FINISHES[finishReason] ?? finishReason }]),
  ];
}

const FINISHES: Record<string, string> = {
  stop: 'finished',
  length: 'cut at its limit',
  contentFilter: 'filtered',
  refusal: 'refused',
  toolCalls: 'asks for tools',
};
