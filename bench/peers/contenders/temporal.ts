import { fileURLToPath } from 'node:url';
import { heartbeat } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { WorkflowStreamClient } from '@temporalio/workflow-streams/client';
import type { Bed, Contender } from '../contender.ts';
import { modelAt } from './model.ts';
import type { Beats } from './temporal-workflows.ts';

const END = '\0';
const BEAT_MS = 1_000;
/** How often tokens are published and looked for: as the samples and the library's defaults have it, and as quick as is sensible. */
const BATCHES = {
  samples: { batchInterval: '200 ms', pollCooldown: '100 ms' },
  tuned: { batchInterval: '50 ms', pollCooldown: '10 ms' },
} as const;

function activitiesAt(provider: string, variant: keyof typeof BATCHES) {
  const { ask, tokens } = modelAt(provider);
  return {
    async ask(prompt: string): Promise<string> {
      const beat = setInterval(heartbeat, BEAT_MS);
      return ask(prompt).finally(() => clearInterval(beat));
    },
    async publish(prompt: string): Promise<void> {
      await using client = WorkflowStreamClient.fromWithinActivity(BATCHES[variant]);
      const topic = client.topic<string>('tokens');
      let isFirst = true;
      for await (const token of tokens(prompt)) {
        topic.publish(token, { forceFlush: isFirst && variant === 'tuned' });
        isFirst = false;
      }
      topic.publish(END);
    },
  };
}

export type Activities = ReturnType<typeof activitiesAt>;

/**
 * A workflow with an activity for each call. `samples`: client, worker and server as the samples have them. `tuned`: the server as
 * Cadenza starts it, runs that begin in this process, heartbeats.
 */
export async function open(bed: Bed, variant: keyof typeof BATCHES): Promise<Contender> {
  Runtime.install({
    logger: new DefaultLogger('ERROR'),
    telemetryOptions: { logging: { filter: 'temporalio=error', forward: {} } },
  });
  const isTuned = variant === 'tuned';
  const address = isTuned ? bed.temporal : bed.temporalAsItComes;
  const taskQueue = `plain-${variant}`;
  const native = await NativeConnection.connect({ address });
  const worker = await Worker.create({
    connection: native,
    taskQueue,
    workflowsPath: fileURLToPath(new URL('./temporal-workflows.ts', import.meta.url)),
    activities: activitiesAt(bed.provider, variant),
  });
  const running = worker.run();
  const connection = isTuned ? native : await Connection.connect({ address });
  const client = new Client({ connection });
  const beats: Beats = isTuned ? { heartbeatTimeout: 8_000 } : {};
  const start = (type: string, workflowId: string, argument: string) =>
    client.workflow.start(type, { taskQueue, workflowId, args: [argument, beats], requestEagerStart: isTuned });
  return {
    async chain(id, topic) {
      return (await start('chain', id, topic)).result();
    },
    async *stream(id, prompt) {
      await start('stream', id, prompt);
      const reader = WorkflowStreamClient.create(client, id).topic<string>('tokens');
      for await (const { data } of reader.subscribe(0, BATCHES[variant])) {
        if (data === END) return;
        yield data;
      }
    },
    async close() {
      worker.shutdown();
      await running;
      await connection.close();
    },
  };
}
