import { OpenAPIHono } from '@hono/zod-openapi';
import { cors } from 'hono/cors';
import { requestId } from 'hono/request-id';
import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import { invalidRequest, type Log } from '../contract/index.ts';
import { type Metrics, openMetrics } from '../telemetry/index.ts';
import { answerHeaders } from './answer-headers.ts';
import type { GatewayApp, GatewayEnv, Surroundings, TemporalLinks } from './app.ts';
import { observeRequests } from './observe-requests.ts';
import { ProblemError, problem, problemOf } from './problem.ts';
import { refuse } from './refuse.ts';
import { addA2aRoutes } from './routes/a2a.ts';
import { addAccountRoutes } from './routes/account.ts';
import { addAgentRoutes } from './routes/agents.ts';
import { addAgUiRoutes } from './routes/agui.ts';
import { addMessagesRoute } from './routes/anthropic-messages.ts';
import { addApprovalWebhook } from './routes/approval-webhook.ts';
import { addApprovalRoutes } from './routes/approvals.ts';
import { addAuditRoute } from './routes/audit.ts';
import { addBudgetRoutes } from './routes/budgets.ts';
import { addChatCompletionsRoute } from './routes/chat-completions.ts';
import { addCodecRoutes } from './routes/codec.ts';
import { addEmbeddingsRoute } from './routes/embeddings.ts';
import { addEventsRoute } from './routes/events.ts';
import { addForkRoute } from './routes/fork.ts';
import { addHealthRoutes } from './routes/health.ts';
import { addKeyRoutes } from './routes/keys.ts';
import { addMapRoutes } from './routes/maps.ts';
import { addMcpRoute } from './routes/mcp.ts';
import { addMessageRoutes } from './routes/messages.ts';
import { addModelsRoutes } from './routes/models.ts';
import { addNamedAgentRoutes } from './routes/named-agents.ts';
import { addOutcomeRoute } from './routes/outcome.ts';
import { addPage } from './routes/page.ts';
import { addPages } from './routes/pages.ts';
import { addResponsesRoutes } from './routes/responses.ts';
import { addRunRoutes } from './routes/runs.ts';
import { addScheduleRoutes } from './routes/schedules.ts';
import { addSpendRoute } from './routes/spend.ts';
import { addVoteRoutes } from './routes/votes.ts';
import { patternSchemas } from './schemas.ts';

export interface GatewayOptions {
  client: Cadenza;
  links: TemporalLinks;
  /** keys of this installation's operators, beside those in the store */
  apiKeys: string[];
  /** whether everybody is taken for the operator who shows no key of the store; left out, where there are no `apiKeys` */
  open?: boolean;
  /** origins of web sites whose pages may ask from a browser; left out, none */
  cors?: string[];
  /** by which answers to approvals are known that come without an API key; without one, none are taken */
  webhookSecret?: string;
  version: string;
  /** workflows of one's own that MCP clients may start, beside the patterns */
  workflows?: string[];
  log: Log;
  /** of the worker in this process, if there is one */
  slots?: Surroundings['slots'];
  /** what that worker counts; left out, the gateway counts by itself */
  metrics?: Metrics;
  /** names of people, and roles, by the API keys that answer approvals for them */
  people?: Surroundings['people'];
  /** the address people reach it at; left out, that of each request */
  gatewayUrl?: string;
  /** agents that requests may ask for by name */
  agents?: Surroundings['agents'];
  /** ms between the comments that keep a silent event stream open */
  heartbeatMs?: number;
}

/** What browsers show of an answer to a page of another web site. */
const EXPOSED = ['x-request-id', 'x-cadenza-run-id', 'x-cadenza-cost-usd', 'retry-after'];

/** Cadenza over HTTP. What goes wrong is answered as RFC 9457 problem+json, and never with our insides. */
export function createGateway(options: GatewayOptions): GatewayApp {
  const { log } = options;
  const surroundings = {
    heartbeatMs: 15_000,
    people: {},
    agents: {},
    cors: [],
    open: options.apiKeys.length === 0,
    ...options,
    metrics: options.metrics ?? ownMetrics(options),
  };
  const app: GatewayApp = new OpenAPIHono<GatewayEnv>({
    defaultHook: (checked) => {
      if (checked.success) return;
      const root = checked.target === 'json' ? '' : checked.target;
      throw new CadenzaError('InvalidRequest', invalidRequest(checked.error, root));
    },
  });
  for (const [name, schema] of patternSchemas()) app.openAPIRegistry.registerComponent('schemas', name, schema);

  app.use(requestId());
  app.use(answerHeaders);
  if (surroundings.cors.length > 0) app.use(cors({ origin: surroundings.cors, exposeHeaders: EXPOSED, maxAge: 600 }));
  app.use(observeRequests(surroundings));
  app.use(async (c, next) => {
    c.set('surroundings', surroundings);
    await next();
  });
  addApprovalWebhook(app, surroundings);
  addRunRoutes(app, surroundings);
  addOutcomeRoute(app, surroundings);
  addEventsRoute(app, surroundings);
  addAccountRoutes(app);
  addMessageRoutes(app, surroundings);
  addAgentRoutes(app, surroundings);
  addNamedAgentRoutes(app, surroundings);
  addAgUiRoutes(app, surroundings);
  addA2aRoutes(app, surroundings);
  addApprovalRoutes(app, surroundings);
  addScheduleRoutes(app);
  addMapRoutes(app, surroundings);
  addBudgetRoutes(app);
  addAuditRoute(app);
  addSpendRoute(app);
  addForkRoute(app, surroundings);
  addKeyRoutes(app);
  addVoteRoutes(app);
  addChatCompletionsRoute(app);
  addMessagesRoute(app);
  addResponsesRoutes(app);
  addEmbeddingsRoute(app);
  addModelsRoutes(app);
  addMcpRoute(app, surroundings);
  addHealthRoutes(app, surroundings);
  addCodecRoutes(app, surroundings);
  addPages(app, options);
  addPage(app);

  app.notFound((c) => {
    const allowed = methodsOf(app, c.req.path);
    if (allowed.length > 0 && !allowed.includes(c.req.method)) {
      const detail = `${c.req.path} does not know ${c.req.method}, but ${allowed.join(', ')}.`;
      const hint = 'GET /docs lists the routes.';
      const answer = problem(405, 'InvalidRequest', 'The route does not know this method', detail, { hint });
      const response = refuse(c, answer);
      response.headers.set('allow', allowed.join(', '));
      return response;
    }
    const detail = `There is no ${c.req.method} ${c.req.path} here.`;
    const answer = problem(404, 'NotFound', 'There is no such route', detail, { hint: 'GET /docs lists the routes.' });
    return refuse(c, answer);
  });
  app.onError((error, c) => {
    const answer = problemOf(error);
    // What a provider failed of is told by its run.
    const isOurs = answer.status >= 500 && !(error instanceof ProblemError);
    if (isOurs) log.error({ err: error, requestId: c.get('requestId'), path: c.req.path }, answer.title);
    return refuse(c, answer);
  });
  return app;
}

function ownMetrics({ client, slots }: GatewayOptions): Metrics {
  const metrics = openMetrics();
  metrics.showOpenWork(() => client.openWork());
  if (slots) metrics.showSlots(slots);
  return metrics;
}

/** The methods that a path has routes for. */
function methodsOf(app: GatewayApp, path: string): string[] {
  const parts = path.split('/');
  const matching = app.routes.filter((known) => {
    const pattern = known.path.split('/');
    if (known.method === 'ALL' || pattern.length !== parts.length) return false;
    return pattern.every((part, index) => part === parts[index] || (part.startsWith(':') && parts[index] !== ''));
  });
  return [...new Set(matching.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])))].sort();
}
