import { z } from 'zod';
import type { Cadenza } from '../../src/client/index.ts';
import { createGateway, serveGateway } from '../../src/gateway/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { type ChatPeer, type ChatScript, chatPeer } from './chat-peer.ts';
import { type TestBed, testBed } from './test-bed.ts';
import { testLog } from './test-log.ts';

/** A worker and a gateway before it, with a provider that answers as the script says. */
export interface FrontDoor {
  bed: TestBed;
  client: Cadenza;
  peer: ChatPeer;
  url: string;
  /** what the tool `weather` was asked */
  weathers: string[];
  /** a gateway more, before the same worker */
  another(): Promise<{ url: string; close(): Promise<void> }>;
  close(): Promise<void>;
}

/** Agents: `default`, which has no tools, and `clerk`, which has `weather`, and `book`, for which a person is asked. */
export async function frontDoor(
  script: (prompt: string, nth: number, body: ChatPeer['sent'][number]['body']) => ChatScript,
): Promise<FrontDoor> {
  const peer = await chatPeer(script);
  const weathers: string[] = [];
  const city = z.object({ city: z.string() });
  const bed = await testBed({
    config: {
      providers: { chat: peer.provider },
      policies: { default: { candidates: ['chat/m'] } },
      agents: { clerk: { description: 'Plans journeys', tools: ['weather', 'book', 'ask_person'] } },
      tools: [
        defineTool({
          name: 'weather',
          description: 'The weather of a city.',
          input: city,
          replay: 'safe',
          run: (args) => {
            weathers.push(args.city);
            return { sky: `sunny in ${args.city}` };
          },
        }),
        defineTool({
          name: 'book',
          description: 'Books a hotel.',
          input: city,
          approval: 'always',
          run: (args) => `booked in ${args.city}`,
        }),
      ],
    },
  });
  async function another() {
    const { client, config } = bed;
    const links = { namespace: 'default' };
    const { log } = testLog();
    const app = createGateway({ client, links, apiKeys: [], version: '1.2.3', log, agents: config.agents });
    return serveGateway({ app, port: 0, host: '127.0.0.1', log, drainMs: 500 });
  }
  const gateway = await another();
  return {
    ...{ bed, client: bed.client, peer, url: gateway.url, weathers, another },
    async close() {
      await gateway.close();
      await bed.close();
      await peer.stop();
    },
  };
}
