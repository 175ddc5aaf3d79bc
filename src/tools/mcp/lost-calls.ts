import type { CallError } from '../../contract/index.ts';
import { ToolFailure } from '../tool.ts';
import { LOST_STREAM } from './raw-dispatch.ts';

/** What became of a request that brought no answer. */
export type Loss =
  /** the server answered with an error, or said that it did nothing */
  | { kind: 'refused'; failure: ToolFailure }
  /** it never got there, or to a server that knows nothing of this connection: it may be sent again over a new one */
  | { kind: 'unsent' }
  /** nobody knows how far it came */
  | { kind: 'lost'; reason: string };

/** Codes of Node for connections that did not come about. */
const UNSENT = ['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'];

/**
 * Reads what the SDK, the Tasks extension and fetch throw for a request.
 * @param isSession where the server keeps state for this connection, an unknown session is told by 404, or by some as 400
 */
export function lossOf(thrown: unknown, server: string, isSession: boolean): Loss {
  if (thrown instanceof ToolFailure) return { kind: 'refused', failure: thrown };
  const chain = [...causes(thrown)];
  if (chain.some(({ data }) => data === LOST_STREAM)) return { kind: 'lost', reason: 'its answer broke off' };
  const status = find<number>(chain, 'status');
  if (chain.some(({ code }) => UNSENT.includes(code as string) || code === 'NOT_CONNECTED')) return { kind: 'unsent' };
  if (isSession && (status === 404 || (status === 400 && /session/i.test(messages(chain))))) return { kind: 'unsent' };
  if (status !== undefined) return { kind: 'refused', failure: statusFailure(status, server, chain) };
  // JSON-RPC errors have a number for a code; what the SDK itself says has a word.
  const { code, message } = chain.find((error) => typeof error.code === 'number') ?? {};
  if (message !== undefined) return { kind: 'refused', failure: rpcFailure(code as number, message, server) };
  if (chain.some((error) => error.code === 'REQUEST_TIMEOUT')) {
    const error: CallError = {
      type: 'Timeout',
      message: `The MCP server ${server} did not answer in time`,
      phase: 'total',
    };
    return { kind: 'refused', failure: new ToolFailure(error, { retryable: true, cause: thrown }) };
  }
  if (chain.some((error) => error.code === 'INVALID_RESULT' || error.name === 'ProtocolDecodeError')) {
    const error: CallError = {
      type: 'ToolFailed',
      message: `The MCP server ${server} sent no answer of MCP: ${messages(chain)}`,
    };
    return { kind: 'refused', failure: new ToolFailure(error, { cause: thrown }) };
  }
  return { kind: 'lost', reason: chain.at(-1)?.message ?? String(thrown) };
}

type Thrown = Error & { code?: unknown; data?: unknown; status?: number; cause?: unknown };

function* causes(thrown: unknown): Generator<Thrown> {
  let error = thrown as Thrown | undefined;
  for (let depth = 0; error instanceof Error && depth < 8; depth++) {
    yield error;
    error = (error.cause ?? (error as unknown as { errors?: Thrown[] }).errors?.[0]) as Thrown | undefined;
  }
}

function find<Value>(chain: Thrown[], field: 'status'): Value | undefined {
  return chain.map((error) => error[field]).find((value) => value !== undefined) as Value | undefined;
}

function messages(chain: Thrown[]): string {
  return chain.map(({ message }) => message).join(': ');
}

function statusFailure(status: number, server: string, chain: Thrown[]): ToolFailure {
  const isPassing = status === 429 || status >= 500;
  const error: CallError = {
    type: status === 401 || status === 403 ? 'AuthenticationFailed' : isPassing ? 'Unavailable' : 'ToolFailed',
    message: `The MCP server ${server} answered ${status}: ${messages(chain)}`,
    status,
  };
  return new ToolFailure(error, { retryable: isPassing, cause: chain[0] });
}

/** -32602, "invalid params": the model may mend it. */
function rpcFailure(code: number, message: string, server: string): ToolFailure {
  const type = code === -32602 ? 'InvalidRequest' : 'ToolFailed';
  return new ToolFailure({ type, message: `The MCP server ${server} refused: ${message}` });
}
