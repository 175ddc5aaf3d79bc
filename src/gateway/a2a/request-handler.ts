import { randomUUID } from 'node:crypto';
import type { AgentCard, Message, SendMessageRequest, StreamResponse, Task } from '@a2a-js/sdk';
import {
  ExtendedAgentCardNotConfiguredError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import type { Cadenza } from '../../client/cadenza.ts';
import { type Log, RunId, type RunInfo } from '../../contract/index.ts';
import { followParts } from '../../dialogue/follow-parts.ts';
import { agentInput, type NamedAgents } from '../named-agents.ts';
import { agentMessage, decisionsOf, textOf } from './incoming.ts';
import { contextOf, type Place, taskOf } from './task.ts';
import { taskUpdates } from './task-updates.ts';
import { withA2aErrors } from './with-a2a-errors.ts';

export interface A2aRequest {
  client: Cadenza;
  agents: NamedAgents;
  /** by its name in the config */
  agent: string;
  card: AgentCard;
  /** name of the API key */
  key?: string;
  /** whom the key stands for, as approvals know people */
  identities?: string[];
  /** @throws where the key may not approve */
  assertMayApprove(): void;
  log: Log;
  /** aborts when the client leaves or this process closes: tasks go on */
  signal: AbortSignal;
}

/** How long a task that is cancelled may take to say so, s. */
const CANCELLED_WITHIN_S = 10;

/**
 * Tasks are runs, whose ids they have: nothing of a task is kept here, and any gateway goes on with it.
 *
 *   message --new--> run of the agent --> working --(approval, question)--> input required
 *           --to a task--> the answer to what it asks, or a message the agent reads at its next turn
 */
export function requestHandler(request: A2aRequest): A2ARequestHandler {
  const { client, agents, agent, card, key, identities, assertMayApprove, log, signal } = request;

  async function runOf(id: string): Promise<RunInfo> {
    const run = RunId.safeParse(id).success ? await client.show(id) : undefined;
    if (run?.pattern !== 'agent') throw new TaskNotFoundError(`There is no task "${id}"`);
    return run;
  }

  async function snapshot(run: RunInfo): Promise<Task> {
    if (run.status !== 'running') return taskOf(run, await client.outcome(run.id));
    return taskOf(run, undefined, await client.approvals(run.id));
  }

  /** Begins a task, or gives one what was said. @returns its run, and what was answered of what it asked */
  async function taken({ message, configuration }: SendMessageRequest): Promise<{ run: RunInfo; given: Set<string> }> {
    if (!message) throw new RequestMalformedError('There is no message');
    if (configuration?.taskPushNotificationConfig) throw new PushNotificationNotSupportedError();
    return message.taskId === ''
      ? { run: await begun(message), given: new Set() }
      : told(await runOf(message.taskId), message);
  }

  async function begun(message: Message): Promise<RunInfo> {
    // A message that is sent again is the same task.
    const id = idOf(message) ?? `a2a:${randomUUID()}`;
    const context = message.contextId || undefined;
    const input = agentInput(agents, agent, { messages: [agentMessage(message)] });
    const run = await client.startUnchecked('agent', input, { id, metadata: { a2a: { agent, context } }, key });
    return client.show(run.id);
  }

  async function told(run: RunInfo, message: Message): Promise<{ run: RunInfo; given: Set<string> }> {
    if (message.contextId !== '' && message.contextId !== contextOf(run)) {
      throw new RequestMalformedError(`The task "${run.id}" is of the context "${contextOf(run)}"`);
    }
    if (run.status !== 'running')
      throw new UnsupportedOperationError(`The task "${run.id}" is ${run.status}: nothing can be added`);
    const asked = await client.approvals(run.id);
    const decisions = decisionsOf(message, asked);
    if (decisions.length > 0) assertMayApprove();
    for (const { approval, decision } of decisions) await client.approve(run.id, approval, decision, identities);
    if (asked.length === 0) await client.steer(run.id, textOf(message), { id: idOf(message) });
    return { run, given: new Set(decisions.map(({ approval }) => approval)) };
  }

  function updates(run: RunInfo, given?: Set<string>): AsyncGenerator<StreamResponse> {
    const place: Place = { taskId: run.id, contextId: contextOf(run) };
    return taskUpdates({ client, place, given, signal });
  }

  async function* streamed(run: RunInfo, given?: Set<string>): AsyncGenerator<StreamResponse, void, undefined> {
    const { artifacts: _, ...task } = taskOf({ ...run, status: 'running', error: undefined });
    // The answer follows, from its first word on.
    yield { payload: { $case: 'task', value: { ...task, artifacts: [] } } };
    yield* updates(run, given);
  }

  const handler: A2ARequestHandler = {
    getAgentCard: async () => card,
    getAuthenticatedExtendedAgentCard: async () => {
      throw new ExtendedAgentCardNotConfiguredError();
    },
    async sendMessage(params) {
      const { run, given } = await taken(params);
      if (params.configuration?.returnImmediately !== true) {
        async function* pages(until: AbortSignal) {
          yield* (await client.follow(run.id, { signal: until })).pages;
        }
        for await (const _ of followParts({ pages, given, signal }));
      }
      return snapshot(await client.show(run.id));
    },
    async *sendMessageStream(params) {
      const { run, given } = await taken(params);
      yield* streamed(run, given);
    },
    getTask: async ({ id }) => snapshot(await runOf(id)),
    async listTasks({ pageSize, pageToken, contextId, status }) {
      if (contextId !== '') throw new UnsupportedOperationError('Tasks are not listed by context');
      if (status > 0) throw new UnsupportedOperationError('Tasks are not listed by state');
      const page = await client.list({
        pattern: 'agent',
        limit: Math.min(pageSize || 50, 100),
        cursor: pageToken || undefined,
      });
      const tasks = page.runs.map((run) => taskOf(run));
      return { tasks, nextPageToken: page.nextCursor ?? '', pageSize: tasks.length, totalSize: 0 };
    },
    async cancelTask({ id }) {
      const run = await runOf(id);
      if (run.status !== 'running') throw new TaskNotCancelableError(`The task "${id}" is ${run.status}`);
      await client.cancel(id);
      await client.outcome(id, CANCELLED_WITHIN_S);
      return snapshot(await client.show(id));
    },
    async *resubscribe({ id }) {
      const run = await runOf(id);
      if (run.status !== 'running')
        throw new UnsupportedOperationError(`The task "${id}" is ${run.status}: nothing more comes of it`);
      yield* streamed(run);
    },
    createTaskPushNotificationConfig: noPush,
    getTaskPushNotificationConfig: noPush,
    listTaskPushNotificationConfigs: noPush,
    deleteTaskPushNotificationConfig: noPush,
  };
  return withA2aErrors(handler, log);
}

/** By what a message that is sent again is known, where that is an id nobody else thinks of. */
function idOf({ messageId }: Message): string | undefined {
  const own = RunId.safeParse(`a2a:${messageId}`);
  return own.success && messageId.length >= 16 ? own.data : undefined;
}

async function noPush(): Promise<never> {
  throw new PushNotificationNotSupportedError();
}
