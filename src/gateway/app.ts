import type { IncomingMessage } from 'node:http';
import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Cadenza } from '../client/cadenza.ts';
import type { Caller, Log } from '../contract/index.ts';
import type { Metrics } from '../telemetry/index.ts';
import type { NamedAgents } from './named-agents.ts';

/** In whose words a route refuses: RFC 9457, or those of the provider whose clients call it. */
export type Dialect = 'problem' | 'openai' | 'anthropic';

/** What a request carries: its id, who asks, a client that knows only what is the caller's, and the signal of a server that
 *  is closing. */
export interface GatewayEnv {
  Variables: { requestId: string; caller: Caller; client: Cadenza; dialect?: Dialect; surroundings: Surroundings };
  Bindings: { closing?: AbortSignal; incoming?: IncomingMessage };
}

export type GatewayApp = OpenAPIHono<GatewayEnv>;

/** Where a run can be looked at beside this API. */
export interface TemporalLinks {
  temporalUiUrl?: string;
  namespace: string;
}

/** What the routes need. */
export interface Surroundings {
  client: Cadenza;
  /** keys of this installation's operators, beside those in the store */
  apiKeys: string[];
  /** whether everybody is taken for the operator who shows no key of the store */
  open: boolean;
  /** origins of web sites whose pages may ask from a browser */
  cors: string[];
  links: TemporalLinks;
  log: Log;
  /** of the worker in this process: calls under way, and how many there may be, by lane */
  slots?(): Record<string, { used: number; of: number }>;
  /** what is counted in this process */
  metrics: Metrics;
  /** signs links to approvals, and verifies who answers them without an API key */
  webhookSecret?: string;
  /** names of people, and roles (`role:approver`), by the API keys that answer approvals for them */
  people: Record<string, string[]>;
  /** agents of the config, by the name requests ask for them with */
  agents: NamedAgents;
  /** ms between the comments that keep a silent event stream open */
  heartbeatMs: number;
}
