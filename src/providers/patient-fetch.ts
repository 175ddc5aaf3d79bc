import { Agent, DecoratorHandler, type Dispatcher, EnvHttpProxyAgent, fetch as undiciFetch } from 'undici';
import { inRequestSpan } from '../telemetry/request-spans.ts';

/** A call's own clocks decide how long it may take, so HTTP itself waits for ever: node's fetch would give up after 300 s. */
const patience = { connect: { timeout: 0 }, headersTimeout: 0, bodyTimeout: 0 };

/** Node's switch for HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
const dispatcher = process.env.NODE_USE_ENV_PROXY === '1' ? new EnvHttpProxyAgent(patience) : new Agent(patience);

/** `fetch` without time limits. Only the signal ends a request early. Each request is a span, where there are any.
 *  @param onSent called when the connection is there, and the request goes out */
export const patientFetch = ((input: string, init?: RequestInit, onSent?: () => void) =>
  inRequestSpan(input, init, (given) =>
    undiciFetch(input, { ...given, dispatcher: onSent ? telling(onSent) : dispatcher } as object),
  )) as unknown as (...asked: [...Parameters<typeof globalThis.fetch>, onSent?: () => void]) => Promise<Response>;

function telling(onSent: () => void): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => dispatch(options, new TellsStart(handler, onSent)));
}

class TellsStart extends DecoratorHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #onSent: () => void;

  constructor(handler: Dispatcher.DispatchHandler, onSent: () => void) {
    super(handler);
    this.#handler = handler;
    this.#onSent = onSent;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: object): void {
    this.#onSent();
    this.#handler.onRequestStart?.(controller, context);
  }
}

/** The longest delay a timer takes (ms): as good as for ever, where an SDK insists on a timeout. */
export const FOREVER_MS = 2_147_483_647;
