import type { ProviderConfig } from '../config/index.ts';
import type { CallError, FinishReason, ModelRequest, ToolCallPart, Usage } from '../contract/index.ts';

/** One request as a provider's wire sees it. `model` is the provider's own id, without the `provider/` prefix. */
export interface ProviderCall {
  model: string;
  request: ModelRequest;
  /** aborts the HTTP request */
  signal: AbortSignal;
  /** called with whatever comes of a live stream, also what is no part of the answer (comments, pings);
   *  `last`: the answer is whole, and only its end is waited for */
  heard?(last?: boolean): void;
  /** the provider has answered already, in a batch: its whole answer, as the wire has it. Nothing is sent. */
  answered?: unknown;
  /** the provider goes on answering when nobody listens. `resume`: it does so already, under this id, and is not asked again */
  background?: { resume?: string };
  /** called when the request goes out, over a connection that is there */
  onSent?(): void;
  /** called with the headers of the response, whatever its status */
  onHeaders?(headers: Headers): void;
}

/** What a provider says while it answers, in order; `open` first, `end` last, each once. */
export type ProviderChunk =
  /** the HTTP response has begun */
  | { type: 'open'; requestId?: string }
  /** the provider keeps the answer under this id, and goes on with it when nobody listens; without an id: no more */
  | { type: 'kept'; id?: string }
  | { type: 'text'; text: string }
  | { type: 'reasoning'; text: string }
  /** a piece of a tool call's arguments, as it comes; `id` and `name` as far as they are known by then */
  | { type: 'toolInput'; text: string; id?: string; name?: string }
  /** a tool call, whole */
  | { type: 'toolCall'; call: ToolCallPart }
  /** what the provider has counted up to here; fields it does not tell are absent */
  | { type: 'usage'; usage: Partial<Usage> }
  | { type: 'end'; finishReason: FinishReason; usage?: Partial<Usage>; reasoningSignature?: string };

/** Texts to be made vectors of. */
export interface EmbedCall {
  model: string;
  texts: string[];
  signal: AbortSignal;
}

/** Vectors of texts, in their order; all as long as each other. */
export interface Embedded {
  vectors: number[][];
  usage: Usage;
}

/** Calls to one model by one endpoint. */
export interface NewBatch {
  /** ours: the provider keeps it, where it keeps anything of ours */
  mark: string;
  model: string;
  lane: string;
  /** `id`: by which a result is known again */
  calls: { id: string; request: ModelRequest }[];
}

/** What came of one call of a batch: an answer as `ProviderCall.answered` takes it, or an error, which costs nothing. */
export type BatchResult = { id: string; answered: unknown } | { id: string; error: CallError };

/** A provider's batch API. Every method throws as `Provider.stream` does. */
export interface BatchWire {
  /** What only calls of one batch share beside their model: the endpoint. @throws ProviderError for a request that cannot be sent */
  laneOf(call: Pick<ProviderCall, 'model' | 'request'>): Promise<string>;
  /** False for an address that does not know batches. */
  isThere(signal: AbortSignal): Promise<boolean>;
  /** @returns the provider's id */
  submit(batch: NewBatch, signal: AbortSignal): Promise<string>;
  /** The provider's batch that was submitted with the mark. Where it keeps none: those that may be it. */
  find(
    batch: { mark: string; calls: number; since: Date },
    signal: AbortSignal,
  ): Promise<{ id: string } | { maybe: string[] }>;
  hasEnded(id: string, signal: AbortSignal): Promise<boolean>;
  /** Of a batch that has ended. Calls that expired or were cancelled may be told as errors, or left out. */
  results(id: string, mark: string, signal: AbortSignal): AsyncIterable<BatchResult>;
  cancel(id: string, signal: AbortSignal): Promise<void>;
}

/** What a provider that answers in the background is told beside requests. Throws as `Provider.stream` does. */
export interface BackgroundWire {
  /** Ends the answer it keeps under the id. */
  cancel(id: string, signal: AbortSignal): Promise<void>;
}

/** One wire, opened with its key and address. */
export interface Provider {
  readonly name: string;
  /** the wire it speaks, by which the provider's terms are known */
  readonly kind?: ProviderConfig['kind'];
  /** Streams one answer. Throws the SDK's own error; `asCallError` makes it one of ours. */
  stream(call: ProviderCall): AsyncIterable<ProviderChunk>;
  /** Vectors of texts, where the wire has an endpoint for it. Throws as `stream` does. */
  embed?(call: EmbedCall): Promise<Embedded>;
  /** Many calls at once, at a lower price, where the wire has an endpoint for it. */
  batches?: BatchWire;
  /** Answers that go on without us, where the wire has them: `ProviderCall.background`. */
  background?: BackgroundWire;
  /** Model ids the endpoint offers now. */
  listModels(signal: AbortSignal): Promise<string[]>;
  /** Maps whatever `stream` or `listModels` threw to an error of the contract, without secrets. */
  asCallError(error: unknown, model?: string): CallError;
}
