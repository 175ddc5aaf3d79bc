import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a store and its database, and makes the network fail in the ways networks do. */
export interface DatabaseProxy {
  /** of the database, through the proxy */
  url: string;
  /** Cuts the connection that asks for this next, once the database has answered and so has committed. */
  loseAnswerTo(text: string): void;
  /** how many answers were lost so far */
  lost(): number;
  /** Connections stay open, and nothing passes any more: neither what is said nor that anybody is gone. */
  hang(): void;
  /** Ends all connections, and every new one. */
  refuse(): void;
  /** Lets new connections through. Those that hung stay as they are. */
  recover(): void;
  /** connections opened so far */
  opened(): number;
  close(): Promise<void>;
}

export async function databaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const connections = new Set<{ hung: boolean }>();
  let state: 'open' | 'hanging' | 'refusing' = 'open';
  let losing: string | undefined;
  let [lost, opened] = [0, 0];

  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => {});
    client.on('close', () => sockets.delete(client));
    if (state === 'refusing') client.destroy();
    if (state !== 'open') return;
    opened += 1;
    const database = connect(Number(target.port), target.hostname);
    const connection = { hung: false };
    connections.add(connection);
    let mute = false;
    const end = () => {
      client.destroy();
      database.destroy();
    };
    sockets.add(database);
    database.on('error', () => {});
    database.on('close', () => sockets.delete(database));
    database.on('close', () => connection.hung || end());
    client.on('close', () => {
      connections.delete(connection);
      if (!connection.hung) end();
    });
    client.on('data', (data) => {
      if (connection.hung) return;
      if (losing && data.includes(losing)) {
        losing = undefined;
        mute = true;
      }
      database.write(data);
    });
    database.on('data', (data) => {
      if (connection.hung) return;
      if (!mute) client.write(data);
      else {
        lost += 1;
        end();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  const endAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    loseAnswerTo(text) {
      losing = text;
    },
    lost: () => lost,
    hang() {
      state = 'hanging';
      for (const connection of connections) connection.hung = true;
    },
    refuse() {
      state = 'refusing';
      endAll();
    },
    recover() {
      state = 'open';
    },
    opened: () => opened,
    async close() {
      endAll();
      server.close();
      await once(server, 'close');
    },
  };
}
