/** Where the gateway is, and as whom it is asked. */
export interface GatewayAccess {
  /** address of the gateway, or of what passes requests on to it; left out, the page's own */
  gateway?: string;
  /** of each request: `{ authorization: 'Bearer …' }` */
  headers?: Record<string, string> | (() => Record<string, string> | Promise<Record<string, string>>);
  fetch?: typeof fetch;
}

/** What the gateway refused, as its problem+json tells it. */
export class GatewayError extends Error {
  readonly status: number;
  readonly errorType?: string;
  readonly path?: string;

  constructor(status: number, { detail, hint, errorType, path }: Problem) {
    super([detail ?? `The gateway answered with ${status}.`, hint].filter(Boolean).join(' '));
    this.name = 'GatewayError';
    this.status = status;
    this.errorType = errorType;
    this.path = path;
  }
}

interface Problem {
  detail?: string;
  hint?: string;
  errorType?: string;
  path?: string;
}

type Request = Omit<RequestInit, 'headers' | 'body'> & { headers?: Record<string, string>; json?: unknown };

/** @param json is posted */
export type AskGateway = (path: string, request?: Request) => Promise<Response>;

/** @returns what asks the gateway
 *  @throws GatewayError for answers of 400 and above; TypeError where it cannot be reached */
export function gatewayRequest({ gateway = '', headers = {}, fetch: given }: GatewayAccess): AskGateway {
  const origin = gateway.replace(/\/$/, '');
  return async (path, { json, ...init } = {}) => {
    const own = typeof headers === 'function' ? await headers() : headers;
    const body = json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) };
    const type = json === undefined ? {} : { 'content-type': 'application/json' };
    // Looked up with each request, as pages replace it.
    const ask = given ?? globalThis.fetch;
    const response = await ask(origin + path, {
      ...body,
      ...init,
      headers: { ...type, ...own, ...init.headers },
    });
    if (response.status < 400) return response;
    throw new GatewayError(response.status, (await response.json().catch(() => ({}))) as Problem);
  };
}
