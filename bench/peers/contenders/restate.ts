import { createPubsubObject } from '@restatedev/pubsub';
import { createPubsubClient } from '@restatedev/pubsub-client';
import * as restate from '@restatedev/restate-sdk';
import * as clients from '@restatedev/restate-sdk-clients';
import type { Bed, Contender } from '../contender.ts';
import { modelAt } from './model.ts';

const END = '\0';

/** A service that its server calls and remembers; the stream is its publish-and-subscribe object, kept by the server too. */
export async function open(bed: Bed): Promise<Contender> {
  const { ask, tokens } = modelAt(bed.provider);
  const ingress = { url: bed.restate.ingress };
  const topics = createPubsubClient({ ...ingress, name: 'tokens', pullInterval: { milliseconds: 1 } });

  const model = restate.service({
    name: 'model',
    handlers: {
      async chain(ctx: restate.Context, topic: string): Promise<string> {
        const one = await ctx.run('one', () => ask(`${topic} 1`));
        const two = await ctx.run('two', () => ask(`${topic} 2 ${one}`));
        return ctx.run('three', () => ask(`${topic} 3 ${two}`));
      },
      async stream(ctx: restate.Context, { id, prompt }: { id: string; prompt: string }): Promise<void> {
        await ctx.run('answer', async () => {
          let nth = 0;
          const publish = (token: string) => topics.publish(id, token, `${id} ${nth++}`);
          for await (const token of tokens(prompt)) await publish(token);
          await publish(END);
        });
      },
    },
  });
  await restate.serve({ services: [model, createPubsubObject('tokens', {})], port: bed.port });
  await register(bed);
  const client = clients.connect(ingress);
  const service = { name: 'model' } as typeof model;
  return {
    async chain(id, topic) {
      return client.serviceClient(service).chain(topic, clients.rpc.opts({ idempotencyKey: id }));
    },
    async *stream(id, prompt) {
      await client.serviceSendClient(service).stream({ id, prompt }, clients.rpc.sendOpts({ idempotencyKey: id }));
      for await (const token of topics.pull({ topic: id, offset: 0 })) {
        if (token === END) return;
        yield String(token);
      }
    },
    // Its listener ends with the process.
    close: async () => {},
  };
}

/** Tells the server where the service is, unless it knows: after a crash it looks there by itself. */
async function register({ restate: { admin }, port }: Bed): Promise<void> {
  const uri = `http://127.0.0.1:${port}`;
  const known = await (await fetch(`${admin}/deployments`)).text();
  if (known.includes(uri)) return;
  const answer = await fetch(`${admin}/deployments`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  });
  if (!answer.ok) throw new Error(`Restate does not take ${uri}: ${await answer.text()}`);
}
