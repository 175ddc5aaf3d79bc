import type { Context } from 'hono';
import type { Cadenza } from '../client/cadenza.ts';
import type { GatewayEnv } from './app.ts';
import { ProblemError, problem } from './problem.ts';

/**
 * Whether a gateway may take everybody for its operator: only where nobody but this machine reaches it, and no keys are set.
 * @throws Error where it would be reached from elsewhere, and nobody has a key
 */
export async function isOpen({ apiKeys, host, client }: { apiKeys: string[]; host: string; client: Cadenza }) {
  if (apiKeys.length > 0) return false;
  if (isLoopback(host)) return true;
  if (await client.keys.any()) return false;
  throw new Error(
    `The gateway would listen at ${host} for everybody, without any API key. Make one first (npx cadenza keys create ` +
      'admin --role admin), set CADENZA_API_KEYS, or leave --host out to listen on this machine alone.',
  );
}

/** Names of this machine that no other can be found by: RFC 6761, section 6.3, and the loopback networks. */
function isLoopback(host: string): boolean {
  const name = host
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * On an open gateway whoever comes without a key is its operator, so it must be somebody of this machine: not another web
 * site in the browser of one (by `Sec-Fetch-Site` and `Origin`), nor one whose name was made to lead here (DNS rebinding:
 * then `Host` is that name). @param origins web sites that may ask, by the config @throws ProblemError 403
 */
export function assertOfThisMachine(c: Context<GatewayEnv>, origins: string[]): void {
  const { hostname } = new URL(c.req.url);
  if (!isLoopback(hostname)) throw fromElsewhere(`The request is for "${hostname}", and no name of this machine.`);
  const origin = c.req.header('origin');
  if (origin !== undefined && origins.includes(origin)) return;
  const isForeign = origin !== undefined && !isLoopback(hostOf(origin));
  if (isForeign || c.req.header('sec-fetch-site') === 'cross-site') {
    throw fromElsewhere('The request comes from another web site.');
  }
}

function hostOf(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : origin;
}

function fromElsewhere(detail: string): ProblemError {
  const hint =
    'This gateway is open to its own machine alone. Send an API key (npx cadenza keys create <name>), or let the web site ' +
    'in by gateway.cors of cadenza.config.ts.';
  return new ProblemError(problem(403, 'Forbidden', 'Not from elsewhere', detail, { hint }));
}
