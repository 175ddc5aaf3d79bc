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
}

/** What a provider says while it answers, in order; `open` first, `end` last, each once. */
export type ProviderChunk =
  /** the HTTP response has begun */
  | { type: 'open'; requestId?: string }
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

/** One wire, opened with its key and address. */
export interface Provider {
  readonly name: string;
  /** Streams one answer. Throws the SDK's own error; `asCallError` makes it one of ours. */
  stream(call: ProviderCall): AsyncIterable<ProviderChunk>;
  /** Vectors of texts, where the wire has an endpoint for it. Throws as `stream` does. */
  embed?(call: EmbedCall): Promise<Embedded>;
  /** Model ids the endpoint offers now. */
  listModels(signal: AbortSignal): Promise<string[]>;
  /** Maps whatever `stream` or `listModels` threw to an error of the contract, without secrets. */
  asCallError(error: unknown, model?: string): CallError;
}
