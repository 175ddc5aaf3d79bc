import { Context } from '@temporalio/activity';
import {
  type AgentActivities,
  type CadenzaActivities,
  type EmbedActivities,
  type IngestActivities,
  type MapActivities,
  type NewEvent,
  type SearchActivities,
  type ToolActivities,
  type TranscriptActivities,
  unknownRoute,
} from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import { createAgentActivities } from './agents.ts';
import { createBookLost } from './book-lost.ts';
import { createCallHedged } from './call-hedged.ts';
import { createCallModel } from './call-model.ts';
import { createCallTool } from './call-tool.ts';
import { createDecideRoute } from './decide-route.ts';
import { createDeliverWebhook } from './deliver-webhook.ts';
import { createDocumentActivities } from './documents/index.ts';
import { createEmbedGiven } from './embed-given.ts';
import { failureOf } from './failure.ts';
import { checkGuardrails } from './guardrails/index.ts';
import { createMapActivities } from './map/index.ts';
import { observed } from './observed.ts';
import { createOpenTools } from './open-tools.ts';
import type { Rooms } from './rooms.ts';
import { withSpansOfRuns } from './spans-of-runs.ts';
import { createTranscriptActivities } from './transcripts.ts';

export type { Rooms } from './rooms.ts';

/** The activities as the direct lane has them: a run goes on with a reply while that is written. */
export function inDirectLane(activities: object, given: Rooms): Readonly<Record<string, unknown>> {
  const rooms = { ...given, store: withSpansOfRuns(given) };
  return { ...activities, ...observed(rooms, { callModel: createCallModel(rooms, { goesAhead: true }) }) };
}

/** The activities a worker registers. */
export function createActivities(
  given: Rooms,
): AgentActivities &
  CadenzaActivities &
  EmbedActivities &
  IngestActivities &
  MapActivities &
  SearchActivities &
  ToolActivities &
  TranscriptActivities {
  const rooms = { ...given, store: withSpansOfRuns(given) };
  return observed(rooms, {
    callModel: createCallModel(rooms),
    callHedged: createCallHedged(rooms),
    bookLost: createBookLost(rooms),
    ...createMapActivities(rooms),
    ...createTranscriptActivities(rooms),
    ...createAgentActivities(rooms),
    ...createOpenTools(rooms),
    ...createCallTool(rooms),
    ...createDocumentActivities(rooms),
    ...createEmbedGiven(rooms),
    deliverWebhook: createDeliverWebhook(rooms),

    async resolvePolicy(policy) {
      try {
        return rooms.providers.resolvePolicy(policy);
      } catch (thrown) {
        if (!(thrown instanceof ProviderError)) throw thrown;
        throw failureOf(thrown.error, 'final');
      }
    },

    async patternsQueue() {
      return rooms.env.CADENZA_TASK_QUEUE || 'cadenza';
    },

    async resolveRoute(name) {
      const { routes } = rooms.config;
      if (Object.hasOwn(routes, name)) return routes[name]!;
      throw failureOf(unknownRoute(name, Object.keys(routes)), 'final');
    },

    async wasReset(first) {
      const { workflowExecution } = Context.current().info;
      return workflowExecution !== undefined && workflowExecution.runId !== first;
    },

    decideRoute: createDecideRoute(rooms),
    checkGuardrails,

    async recordEvents(run, events, evict) {
      const costUsd = await rooms.store.events.record(
        run,
        events.map(({ type, key, step, data }) => ({ type, key, step, ...data }) as NewEvent & { key: string }),
      );
      // Not before: the answer's own end, which puts it there, was to be written first.
      if (evict) await rooms.store.cache.evict({ ...evict, tenant: run.tenant });
      return costUsd === undefined ? undefined : { costUsd };
    },
  });
}
