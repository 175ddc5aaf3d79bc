import pg from 'pg';
import type { Log } from '../contract/index.ts';
import { createBell } from './bell.ts';
import { backoffMs } from './outlast.ts';

export interface Listener {
  close(): Promise<void>;
}

/**
 * One connection of a process that hears the database's notifications. It reconnects by itself; `onConnect` is called
 * each time it begins to hear, since what was said before is lost.
 */
export function createListener(
  url: string,
  channels: Record<string, (payload: string) => void>,
  onConnect: () => void,
  log: Log,
): Listener {
  const closing = new AbortController();
  let client: pg.Client | undefined;

  async function hear(): Promise<void> {
    const lost = createBell();
    let failure: unknown;
    client = new pg.Client({ connectionString: url, keepAlive: true, connectionTimeoutMillis: 10_000 });
    client.on('error', (error) => {
      failure = error;
      lost.ring();
    });
    client.on('end', () => lost.ring());
    client.on('notification', ({ channel, payload }) => channels[channel]?.(payload ?? ''));
    try {
      await client.connect();
      await client.query(
        Object.keys(channels)
          .map((channel) => `listen ${channel}`)
          .join('; '),
      );
      heardSince = true;
      onConnect();
      await lost.wait({ signal: closing.signal });
      if (failure) throw failure;
    } finally {
      await client.end().catch(() => {});
    }
  }

  let heardSince = false;
  async function run(): Promise<void> {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      heardSince = false;
      await hear().catch((error) => {
        if (!closing.signal.aborted)
          log.warn({ error: String(error) }, 'The connection that hears of new events was lost, connecting again');
      });
      if (heardSince) attempt = 0;
      await createBell().wait({ signal: closing.signal, timeoutMs: backoffMs(attempt + 1) });
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await client?.end().catch(() => {});
      await running;
    },
  };
}
