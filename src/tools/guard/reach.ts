import { isIP } from 'node:net';
import type { HttpMethod, Reach } from '../../contract/index.ts';
import { ToolFailure } from '../tool.ts';

/** What a reach allows that names no methods. */
const READING: HttpMethod[] = ['GET', 'HEAD'];

/** @throws ToolFailure ToolDenied for a request that the reach does not allow */
export function checkReach(reach: Reach | undefined, method: string, url: URL): void {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw denied(`${url.protocol} addresses may not be asked`, 'Tools ask http and https');
  }
  if (reach === undefined) {
    throw denied('This tool may ask nothing over HTTP', 'What it may ask is named in its `reach`');
  }
  if (!reach.hosts.some((host) => isNamedBy(host, url))) {
    throw denied(`This tool may not ask ${url.host}, only ${reach.hosts.join(', ')}`, 'Its `reach.hosts` names them');
  }
  const methods = reach.methods ?? READING;
  if (!methods.some((allowed) => allowed === method)) {
    throw denied(`This tool may not ${method} at ${url.host}`, `Its \`reach.methods\` allows ${methods.join(', ')}`);
  }
}

/** What both allow: a tool's own reach, and the narrower one of the agent that uses it. @returns undefined for nothing */
export function narrowed(own: Reach | undefined, use: Reach | undefined): Reach | undefined {
  if (own === undefined || use === undefined) return own;
  const hosts = own.hosts.flatMap((one) => use.hosts.flatMap((other) => common(one, other) ?? []));
  const allowed = use.methods ?? READING;
  const methods = (own.methods ?? READING).filter((method) => allowed.includes(method));
  return hosts.length === 0 || methods.length === 0 ? undefined : { hosts: [...new Set(hosts)], methods };
}

/** True for a host that a pattern names: `a.example`, `a.example:8080`, `*.example` (not `example` itself), `*`. */
export function isNamedBy(pattern: string, url: URL): boolean {
  const named = parts(pattern);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return covers(named.host, hostNameOf(url)) && (named.port === undefined || named.port === port);
}

/** As DNS knows it: without the brackets of IPv6, without the dot of the root. */
export function hostNameOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

export function denied(message: string, hint: string): ToolFailure {
  return new ToolFailure({ type: 'ToolDenied', message, hint });
}

function parts(pattern: string): { host: string; port?: string } {
  const lower = pattern.toLowerCase();
  const [, host = lower, port] = (isIP(lower) === 6 ? null : /^(.+):(\d+)$/.exec(lower)) ?? [];
  return { host, port };
}

/** @param host a name, or another pattern */
function covers(pattern: string, host: string): boolean {
  return pattern === '*' || (pattern.startsWith('*.') ? host.endsWith(pattern.slice(1)) : host === pattern);
}

/** The pattern of what both patterns name. */
function common(one: string, other: string): string | undefined {
  const [a, b] = [parts(one), parts(other)];
  if (a.port !== undefined && b.port !== undefined && a.port !== b.port) return undefined;
  const host = covers(a.host, b.host) ? b.host : covers(b.host, a.host) ? a.host : undefined;
  const port = a.port ?? b.port;
  return host && (port === undefined ? host : `${host}:${port}`);
}
