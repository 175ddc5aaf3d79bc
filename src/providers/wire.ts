import type { CallError } from '../contract/index.ts';

/** What every wire is opened with. */
export interface WireOptions {
  /** the provider's name in model refs */
  name: string;
  apiKey: string;
  baseUrl?: string;
  headers?: Record<string, string>;
  /** the environment variable the key came from, for hints */
  keyVariable?: string;
  /** values that may not appear in an error */
  secrets?: string[];
}

/** Whom an error is from, and what may not be in it. */
export interface ErrorContext {
  provider: string;
  model?: string;
  /** the environment variable that holds the key */
  keyVariable?: string;
  baseUrl?: string;
  secrets?: string[];
}

/** What an error of this wire is told with. */
export function errorContext(options: WireOptions, model?: string): ErrorContext {
  return {
    provider: options.name,
    model,
    keyVariable: options.keyVariable,
    baseUrl: options.baseUrl,
    secrets: [...(options.secrets ?? []), options.apiKey],
  };
}

/** Thrown where an error of the contract must travel as an exception. */
export class ProviderError extends Error {
  readonly error: CallError;

  constructor(error: CallError, options?: ErrorOptions) {
    super(error.message, options);
    this.name = 'ProviderError';
    this.error = error;
  }
}

/** An SDK's error, with what the SDK forgot about it. */
export class StreamFailure extends Error {
  readonly headers?: Headers;
  /** the provider had already sent part of its answer */
  readonly midStream?: boolean;

  constructor(cause: unknown, known: { headers?: Headers; midStream?: boolean }) {
    super('The stream failed', { cause });
    this.name = 'StreamFailure';
    this.headers = known.headers;
    this.midStream = known.midStream;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what a server sends is looked at field by field, whatever it is
export type Loose = any;
