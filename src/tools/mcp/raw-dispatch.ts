import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import type { JsonRpcResponse, RawClientDispatch } from '@modelcontextprotocol/ext-tasks/client';

/** Longest wait for an answer where the caller names none, ms: the SDK's own. */
const DEFAULT_TIMEOUT_MS = 60_000;

export interface RawDispatch {
  send: RawClientDispatch;
  /** the connection is gone: whatever waits fails */
  close(): void;
}

interface Waiting {
  resolve(response: JsonRpcResponse): void;
  reject(error: unknown): void;
}

/**
 * Sends requests past the SDK's client, whose reading of revision 2026-07-28 refuses the answers of Tasks (`resultType: 'task'`),
 * on the connection it has. Its own requests have numbers as ids, so that names are free.
 */
export function rawDispatch(transport: Transport): RawDispatch {
  const waiting = new Map<string, Waiting>();
  let sent = 0;
  failLostStreams(transport);
  const { onmessage } = transport;
  transport.onmessage = (message, extra) => {
    const answer = message as { id?: unknown; result?: unknown; error?: unknown };
    const asked = typeof answer.id === 'string' ? waiting.get(answer.id) : undefined;
    if (asked === undefined || (answer.result === undefined && answer.error === undefined))
      return onmessage?.(message, extra);
    asked.resolve(
      (answer.error === undefined
        ? { kind: 'result', result: answer.result }
        : { kind: 'error', error: answer.error }) as JsonRpcResponse,
    );
  };

  return {
    async send(request, { signal, context } = {}) {
      signal?.throwIfAborted();
      const id = `raw:${++sent}`;
      const hangUp = new AbortController();
      const timeoutMs = context?.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
      let timer: NodeJS.Timeout | undefined;
      let stop: (() => void) | undefined;
      try {
        return await new Promise<JsonRpcResponse>((resolve, reject) => {
          waiting.set(id, { resolve, reject });
          const cancel = (reason: unknown) => {
            cancelled(request, id, hangUp, transport);
            reject(reason);
          };
          timer = setTimeout(() => cancel(new Error(`No answer within ${timeoutMs / 1_000} s`)), timeoutMs);
          stop = () => cancel(signal!.reason);
          signal?.addEventListener('abort', stop, { once: true });
          const message = { ...(request as object), jsonrpc: '2.0', id } as JSONRPCMessage;
          const lost = () => reject(new Error('The connection was lost'));
          const options = { headers: context?.headers, requestSignal: hangUp.signal, onRequestStreamEnd: lost };
          transport.send(message, options).catch(reject);
        });
      } finally {
        waiting.delete(id);
        clearTimeout(timer);
        if (stop) signal?.removeEventListener('abort', stop);
      }
    },
    close() {
      for (const { reject } of waiting.values()) reject(new Error('The connection was lost'));
    },
  };
}

/** What a request ends with whose stream broke off: no server says this. */
export const LOST_STREAM = 'cadenza/lost-stream';

/**
 * Over HTTP an answer comes on a stream of its own, and the SDK's client waits on where that breaks off for good, until the
 * request's time is over. Here it fails at once.
 */
function failLostStreams(transport: Transport): void {
  const open = new Set<unknown>();
  const { onmessage } = transport;
  transport.onmessage = (message, extra) => {
    if (!('method' in message)) open.delete(message.id);
    onmessage?.(message, extra);
  };
  const send = transport.send.bind(transport);
  transport.send = (message, options = {}) => {
    const id = 'method' in message && 'id' in message ? message.id : undefined;
    if (id === undefined || options.onRequestStreamEnd) return send(message, options);
    open.add(id);
    const onRequestStreamEnd = () => {
      const error = { code: -32_000, message: 'The connection was lost', data: LOST_STREAM };
      if (open.has(id)) transport.onmessage?.({ jsonrpc: '2.0', id, error });
    };
    return send(message, { ...options, onRequestStreamEnd });
  };
}

/** Over HTTP a request is taken back by hanging up; over one pipe for all it has to be said. */
function cancelled(request: unknown, requestId: string, hangUp: AbortController, transport: Transport): void {
  if (transport.hasPerRequestStream) {
    hangUp.abort();
    return;
  }
  const { _meta } = ((request as { params?: { _meta?: object } }).params ?? {}) as { _meta?: object };
  const notice = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, ...(_meta && { _meta }) } };
  transport.send(notice as JSONRPCMessage).catch(() => {});
}
