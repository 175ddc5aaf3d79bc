import path from 'node:path';
import { parseConfig } from '../../../src/config/index.ts';
import type { Answer, ChainResult, Policy } from '../../../src/contract/index.ts';
import { startWorker } from '../../../src/workers/index.ts';
import type { Bed, Contender } from '../contender.ts';
import { MODEL } from './model.ts';

const silent = { debug() {}, info() {}, warn() {}, error: console.error };

/** The patterns `chain` and `ask`, as a backend service with a worker in its process starts them. */
export async function open(bed: Bed, lane: string): Promise<Contender> {
  const { client, drain } = await startWorker({
    databaseUrl: bed.databaseUrl,
    temporalAddress: bed.temporal,
    namespace: 'default',
    taskQueue: `cadenza-${lane}`,
    config: parseConfig({}),
    log: silent,
    env: {
      ...process.env,
      CADENZA_HOME: path.join(bed.root, '.cadenza'),
      OPENAI_API_KEY: 'sk-bench',
      OPENAI_BASE_URL: bed.provider,
    },
  });
  const policy: Policy = { candidates: [`openai/${MODEL}`], cache: false, lane: lane as Policy['lane'] };
  return {
    async chain(id, topic) {
      const steps = [
        { id: 'one', prompt: `${topic} 1` },
        { id: 'two', prompt: `${topic} 2 {{steps.one.text}}` },
        { id: 'three', prompt: `${topic} 3 {{steps.two.text}}` },
      ];
      const run = await client.startUnchecked('chain', { steps, policy }, { id });
      return ((await run.result()) as ChainResult as { steps: Record<string, Answer> }).steps.three!.text;
    },
    async *stream(id, prompt) {
      const run = await client.startUnchecked('ask', { prompt, policy }, { id });
      for await (const event of run.events()) if (event.type === 'call.delta') yield event.text;
    },
    close: drain,
  };
}
