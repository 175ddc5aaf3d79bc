import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Bed, Contender } from '../contender.ts';
import { modelAt } from './model.ts';

/** Workflow and steps as functions, kept in PostgreSQL; its stream too. What was going on goes on at launch. */
export async function open(bed: Bed): Promise<Contender> {
  const { ask, tokens } = modelAt(bed.provider);

  const chain = DBOS.registerWorkflow(
    async (topic: string) => {
      const one = await DBOS.runStep(() => ask(`${topic} 1`), { name: 'one' });
      const two = await DBOS.runStep(() => ask(`${topic} 2 ${one}`), { name: 'two' });
      return DBOS.runStep(() => ask(`${topic} 3 ${two}`), { name: 'three' });
    },
    { name: 'chain' },
  );
  const stream = DBOS.registerWorkflow(
    async (prompt: string) => {
      const answer = async () => {
        for await (const token of tokens(prompt)) await DBOS.writeStream('tokens', token);
      };
      await DBOS.runStep(answer, { name: 'answer' });
      await DBOS.closeStream('tokens');
    },
    { name: 'stream' },
  );
  DBOS.setConfig({ name: 'peers', systemDatabaseUrl: bed.databaseUrl, applicationVersion: '1', logLevel: 'error' });
  await DBOS.launch();
  return {
    async chain(id, topic) {
      return (await DBOS.startWorkflow(chain, { workflowID: id })(topic)).getResult();
    },
    async *stream(id, prompt) {
      await DBOS.startWorkflow(stream, { workflowID: id })(prompt);
      yield* DBOS.readStream<string>(id, 'tokens');
    },
    close: () => DBOS.shutdown(),
  };
}
