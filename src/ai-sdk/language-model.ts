import type { LanguageModelV4, LanguageModelV4StreamPart, SharedV4Warning } from '@ai-sdk/provider';
import type { Cadenza } from '../client/index.ts';
import type { AskResult, RunEvent } from '../contract/index.ts';
import { followParts } from '../dialogue/follow-parts.ts';
import { questionOf } from './model-request.ts';
import { generateResult, streamParts } from './model-result.ts';

export interface ClientModelOptions {
  /** whose runs they are, and what they may cost: as of `client.start` */
  tenant?: string;
  budgetUsd?: number;
  metadata?: Record<string, unknown>;
}

/** How a call's own options name its run: `providerOptions: { cadenza: { id: 'order-7' } }`. */
interface CallOptions {
  /** the run's id: a call that is made again under it is answered as before, and pays nothing */
  id?: string;
}

/** So long the result of a run that has told its end may take, s. */
const RESULT_WITHIN_S = 30;

/**
 * A model for `generateText`, `streamText` and agents of the AI SDK outside of workflows: each call is a run of the pattern
 * `ask` in the direct lane, with its policy, cache, budget, events and bill.
 * @param model a policy or alias of the config, `default`, or models in order: `openai/gpt-6-sol,anthropic/claude-sonnet-5-5`
 */
export function clientModel(client: Cadenza, model = 'default', options: ClientModelOptions = {}): LanguageModelV4 {
  async function begun(call: Parameters<LanguageModelV4['doGenerate']>[0]) {
    const { question, warnings } = questionOf(model, call);
    const { id } = (call.providerOptions?.cadenza ?? {}) as CallOptions;
    const run = await client.startUnchecked('ask', question, { ...options, id, lane: 'direct' });
    const stop = () => void client.cancel(run.id).catch(() => {});
    if (call.abortSignal?.aborted) stop();
    call.abortSignal?.addEventListener('abort', stop, { once: true });
    return { run, warnings, done: () => call.abortSignal?.removeEventListener('abort', stop) };
  }

  return {
    specificationVersion: 'v4',
    provider: 'cadenza',
    modelId: model,
    // Whatever is given by address is asked for by the provider, or by the worker.
    supportedUrls: { '*/*': [/^https?:/] },
    async doGenerate(call) {
      const { run, warnings, done } = await begun(call);
      try {
        return generateResult((await run.result()) as AskResult, warnings);
      } finally {
        done();
        call.abortSignal?.throwIfAborted();
      }
    },
    async doStream(call) {
      const { run, warnings, done } = await begun(call);
      const parts = streamed(client, run.id, warnings);
      return {
        stream: new ReadableStream<LanguageModelV4StreamPart>({
          async pull(controller) {
            const next = await parts.next();
            if (!next.done) return controller.enqueue(next.value);
            done();
            controller.close();
          },
          // Whoever reads no further has no use for the rest.
          async cancel() {
            done();
            await client.cancel(run.id).catch(() => {});
          },
        }),
      };
    },
  };
}

const SPEECH = ['text', 'reasoning'] as const;

/** Words as they come, then what only the whole answer has. Words that were read cannot be taken back: where another
 *  attempt begins anew, the stream ends with an error. */
async function* streamed(
  client: Cadenza,
  run: string,
  warnings: SharedV4Warning[],
): AsyncGenerator<LanguageModelV4StreamPart> {
  const said = { text: '', reasoning: '' };
  let open: (typeof SPEECH)[number] | undefined;
  yield { type: 'stream-start', warnings };
  for await (const followed of followParts({ pages: (signal) => pagesOf(client, run, signal) })) {
    if (!('parts' in followed)) continue;
    for (const part of followed.parts) {
      if (part.type === 'reset' && said.text !== '') {
        yield {
          type: 'error',
          error: new Error(`An attempt broke off after its first words; another one answers in run ${run}`),
        };
        return;
      }
      if (part.type !== 'text' && part.type !== 'reasoning') continue;
      if (open !== part.type) {
        if (open) yield { type: `${open}-end`, id: open };
        open = part.type;
        yield { type: `${open}-start`, id: open };
      }
      said[open] += part.delta;
      yield { type: `${open}-delta`, id: open, delta: part.delta };
    }
  }
  const outcome = await client.outcome(run, RESULT_WITHIN_S);
  if (open) yield { type: `${open}-end`, id: open };
  if (outcome.status !== 'completed') {
    const message = outcome.status === 'running' ? `The run ${run} has not ended` : outcome.error.message;
    yield { type: 'error', error: new Error(message) };
    return;
  }
  const whole = streamParts(generateResult(outcome.result as AskResult, warnings));
  // An answer from the cache is told at once, and by no events.
  const isHeard = ({ type }: LanguageModelV4StreamPart) =>
    type === 'stream-start' || SPEECH.some((kind) => type.startsWith(kind) && said[kind] !== '');
  yield* whole.filter((part) => !isHeard(part));
}

async function* pagesOf(client: Cadenza, run: string, signal: AbortSignal): AsyncGenerator<RunEvent[]> {
  yield* (await client.follow(run, { signal })).pages;
}
