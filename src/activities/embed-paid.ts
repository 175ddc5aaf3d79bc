import {
  type CallError,
  DEFAULT_TIMEOUTS,
  type ModelRef,
  type ModelReply,
  providerOf,
  type RunRef,
  type Usage,
} from '../contract/index.ts';
import { embed, ProviderError, priceOf } from '../providers/index.ts';
import type { OpenCall } from '../store/index.ts';
import { type Admission, admit } from './admission.ts';
import { sha256 } from './call-key.ts';
import { ClockRanOut, timeoutError } from './clocks.ts';
import type { Next } from './failure.ts';
import { observeAttempt } from './observe-calls.ts';
import type { Rooms } from './rooms.ts';

/** Texts, and who asks for them. */
export interface PaidTexts {
  run: RunRef;
  step: string;
  model: ModelRef;
  texts: string[];
  signal: AbortSignal;
  /** keeps the vectors for equal texts of the same tenant too */
  cache?: { requestHash: string; ttlSeconds: number };
  /** the step has further calls */
  isPart?: boolean;
  /** how long the provider may take, ms; else as long as a whole call by default */
  withinMs?: number;
  /** whether a failed call is made again, by whoever called this; else it is not */
  next?(error: CallError, call: OpenCall): Next;
}

/** Vectors in the order of the texts, and what they cost now (USD): 0 if they were there already. */
export interface TextVectors {
  vectors: number[][];
  costUsd: number | null;
}

/** The same, and what the call used. */
interface PaidVectors extends TextVectors {
  usage: Usage;
}

/** Thrown where texts have no vectors; what the journal says of the call is `next`. */
export class EmbedFailed extends ProviderError {
  readonly next: Next;

  constructor(error: CallError, next: Next, cause?: unknown) {
    super(error, { cause });
    this.next = next;
  }
}

/** Texts are sized up without a tokenizer: an estimate is near enough for a reservation. */
const CHARACTERS_A_TOKEN = 3;

/**
 * Vectors of texts by one call, which is in the journal, the events and the bill as every call is, and never made again
 * once it is finished. The sandbox's cost nothing, and are made here.
 * @throws EmbedFailed
 */
export async function embedPaid(
  rooms: Rooms,
  {
    run,
    step,
    model,
    texts,
    signal,
    cache,
    isPart = false,
    withinMs = DEFAULT_TIMEOUTS.totalMs,
    next = () => 'final',
  }: PaidTexts,
): Promise<PaidVectors> {
  const { store, providers, config } = rooms;
  if (providerOf(model) === 'sandbox') {
    return { ...(await embed(providers.open(model), model, texts, signal)), costUsd: 0 };
  }
  // Equal texts have equal vectors, whichever step asks.
  const place = { key: sha256([run.chain, model, embedHash(model, texts)].join('\n')), run, step, model };
  const estimate = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / CHARACTERS_A_TOKEN);
  const worstCaseUsd = priceOf(model, { inputTokens: estimate, outputTokens: 0 }, config.prices);
  const begun = await store.journal.begin({ ...place, worstCaseUsd });
  if (begun.state === 'finished' || begun.state === 'cached') {
    const { usage, costUsd } = begun.reply;
    return { vectors: unpacked(begun.reply), usage, costUsd };
  }
  if (begun.state === 'overBudget') throw new EmbedFailed(begun.error, 'final');

  const { epoch, call } = begun;
  let clock: AbortSignal | undefined;
  const errorOf = (thrown: unknown): CallError => {
    const isLate = clock?.aborted && !signal.aborted;
    if (isLate) return timeoutError(new ClockRanOut('total', withinMs), providerOf(model), model);
    return thrown instanceof ProviderError ? thrown.error : providers.open(model).asCallError(thrown, model);
  };
  const ask = () => {
    clock = AbortSignal.timeout(withinMs);
    return embed(providers.open(model), model, texts, AbortSignal.any([signal, clock]));
  };
  let admission: Admission | undefined;
  try {
    admission = await admit(rooms, {
      ...{ key: place.key, model, run, signal, waitsHere: true },
      probeMs: DEFAULT_TIMEOUTS.connectMs + DEFAULT_TIMEOUTS.firstTokenMs,
      need: () => ({ input: estimate, output: 0 }),
      tell: (event) => void store.events.append(run, [{ ...event, step, call, epoch }]).catch(() => {}),
    });
    const asked = { run, step, model, operation: 'embeddings', epoch } as const;
    const { vectors, usage } = await observeAttempt(rooms, asked, ask, {
      answer: ({ usage: used }) => ({ usage: used, costUsd: priceOf(model, used, config.prices) }),
      thrown: (thrown) => ({ error: errorOf(thrown) }),
    });
    admission.end({ usage });
    admission = undefined;
    const reply: ModelReply = {
      text: '',
      object: packed(vectors),
      model,
      usage,
      costUsd: priceOf(model, usage, config.prices),
      finishReason: 'stop',
    };
    const kept = cache && { tenant: run.tenant ?? '', ...cache };
    await store.journal.end({ ...place, epoch }, { reply, completesStep: !isPart, cache: kept });
    return { vectors, usage, costUsd: reply.costUsd };
  } catch (thrown) {
    const error = errorOf(thrown);
    admission?.end({ error, isAborted: signal.aborted });
    const decided = next(error, begun);
    // A request that we hung up on may have been begun.
    const isPaid = admission !== undefined && clock !== undefined && (signal.aborted || clock.aborted);
    const usage = { inputTokens: estimate, outputTokens: 0 };
    const spent = isPaid ? { usage, costUsd: worstCaseUsd, estimated: true } : undefined;
    await store.journal.end({ ...place, epoch }, { error, next: decided, spent });
    throw new EmbedFailed(error, decided, thrown);
  }
}

export function embedHash(model: ModelRef, texts: string[]): string {
  return sha256(JSON.stringify(['embed', model, texts]));
}

/** Single precision in base64: a third of what the numbers take as text. */
export function packed(vectors: number[][]): { vectors: string[] } {
  return { vectors: vectors.map((vector) => Buffer.from(Float32Array.from(vector).buffer).toString('base64')) };
}

export function unpacked({ object }: ModelReply): number[][] {
  return (object as { vectors: string[] }).vectors.map((text) => {
    const bytes = Buffer.from(text, 'base64');
    return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
  });
}
