import { z } from '@hono/zod-openapi';
import * as contract from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { linksOf } from '../links.ts';
import { agentInput, listAgents } from '../named-agents.ts';
import { json, route } from '../route.ts';
import { StartedRun, StartHeaders } from '../schemas.ts';

const tags = ['agents'];

const AgentList = z
  .object({ agents: z.array(z.object({ name: z.string(), description: z.string().optional() })) })
  .openapi('AgentList');

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/agents',
  tags,
  summary: 'The agents of the config',
  answers: { 200: json('By name', AgentList) },
});

/** A tool whose work is done by whoever starts the run. */
const ClientTool = z.object({
  name: contract.ToolName.clone(),
  description: z.string().optional(),
  parameters: contract.JsonSchema.clone(),
});

const StartAgent = contract.RunOptions.omit({ key: true })
  .extend({
    id: contract.RunId.optional(),
    task: z.string().min(1).optional(),
    messages: z.array(contract.Message).min(1).optional(),
    /** tools that whoever starts the run does: it waits for their results */
    tools: z.array(ClientTool).max(200).optional(),
  })
  .openapi('StartAgent', { example: { task: 'Find a quiet hotel in Bern' } });

const startRoute = route({
  may: 'start',
  method: 'post',
  path: '/v1/agents/{agent}/runs',
  tags,
  summary: 'Start a run of a named agent',
  description:
    'The agent is what the config says of it; `default` is there also where the config says nothing. `tools` are run by whoever asks: a result is given by `POST /v1/runs/{id}/tool-results/{toolCallId}`. The same `id` or `Idempotency-Key` given twice gives the same run, as with `POST /v1/runs`.',
  request: {
    headers: StartHeaders,
    params: z.object({ agent: z.string().openapi({ param: { name: 'agent', in: 'path' } }) }),
    body: { required: true, content: { 'application/json': { schema: StartAgent } } },
  },
  answers: { 202: json('The run is under way, or was already there', StartedRun) },
  refuses: ['conflict'],
});

export function addNamedAgentRoutes(app: GatewayApp, { agents, links }: Surroundings): void {
  app.openapi(listRoute, (c) => c.json({ agents: listAgents(agents) }, 200));

  app.openapi(startRoute, async (c) => {
    const { task, messages, tools, id, ...options } = c.req.valid('json');
    const input = agentInput(agents, c.req.valid('param').agent, { task, messages, tools });
    const run = await c.var.client.startUnchecked('agent', input, {
      ...options,
      key: c.var.caller.key,
      id,
      idempotencyKey: c.req.valid('header')['idempotency-key'],
    });
    const { status } = run.isNew ? { status: 'running' as const } : await c.var.client.show(run.id);
    return c.json({ id: run.id, pattern: 'agent', status, isNew: run.isNew, links: linksOf(run, links) }, 202);
  });
}
