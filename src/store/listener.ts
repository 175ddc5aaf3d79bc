import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from '../contract/index.ts';
import { ANSWER_WITHIN_MS, connectionTo, KEEP_ALIVE, trackedSockets } from './connections.ts';
import { backoffMs } from './outage.ts';

/** Where this process is still held to be on a connection that is lost, it asks so often whether that is over, ms. */
const CLAIM_AGAIN_MS = 500;

export interface Listener {
  close(): Promise<void>;
}

/**
 * One connection of a process that hears the database's notifications. It reconnects by itself; `onConnect` is called
 * each time it begins to hear, since what was said before is lost. A connection that only hears would not notice that
 * nobody speaks any more: it asks.
 * @param claim what says on this connection that the process is there: "claimed" is false while one that is lost still says so
 * @param answerWithinMs it asks so often, and waits so long for an answer
 */
export function createListener(
  url: string,
  channels: Record<string, (payload: string) => void>,
  claim: string,
  onConnect: () => void,
  log: Log,
  answerWithinMs = ANSWER_WITHIN_MS,
): Listener {
  const closing = new AbortController();
  const { signal } = closing;

  /** @throws whatever ended the connection */
  async function listen(onListening: () => void): Promise<void> {
    const sockets = trackedSockets();
    const client = new pg.Client({ ...connectionTo(url, answerWithinMs), stream: sockets.open });
    const lost = once(client, 'end', { signal });
    lost.catch(() => {});
    client.on('error', () => {});
    client.on('notification', ({ channel, payload }) => channels[channel]?.(payload ?? ''));
    try {
      await client.connect();
      let claimed = await claims(client);
      const listening = Object.keys(channels).map((channel) => `listen ${channel}`);
      await client.query([KEEP_ALIVE, ...listening].join('; '));
      onListening();
      for (;;) {
        const next = delay(claimed ? answerWithinMs : CLAIM_AGAIN_MS, undefined, { signal, ref: false });
        await Promise.race([lost.then(endedByServer), next]);
        if (claimed) await client.query('select 1');
        else claimed = await claims(client);
      }
    } finally {
      sockets.destroy();
    }
  }

  async function claims(client: pg.Client): Promise<boolean> {
    const { rows } = await client.query<{ claimed: boolean }>(claim);
    return rows[0]!.claimed;
  }

  async function run(): Promise<void> {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const onListening = () => {
        attempt = 0;
        onConnect();
      };
      try {
        await listen(onListening);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ error: String(error) }, 'The connection that hears of new events was lost, connecting again');
      }
      await delay(backoffMs(attempt + 1), undefined, { signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}

function endedByServer(): never {
  throw new Error('The server ended the connection');
}
