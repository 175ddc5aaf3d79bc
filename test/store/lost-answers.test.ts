import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from '@jest/globals';
import { openStore } from '../../src/store/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newKey, newRun, reply, until } from './samples.ts';

/** Stands between store and database, and can lose the answer to the next query of a kind. */
async function proxyTo(fresh: FreshStore) {
  const target = new URL(fresh.url);
  const sockets = new Set<Socket>();
  let losing: string | undefined;
  let lost = 0;
  const server = createServer((client) => {
    const database = connect(Number(target.port), target.hostname);
    let mute = false;
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        database.destroy();
      });
    }
    client.on('data', (data) => {
      if (losing && data.includes(losing)) {
        losing = undefined;
        mute = true;
      }
      database.write(data);
    });
    database.on('data', (data) => {
      if (!mute) {
        client.write(data);
        return;
      }
      // the database has answered, so it has committed
      lost += 1;
      client.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(fresh.url);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    loseAnswerTo(text: string) {
      losing = text;
    },
    lost: () => lost,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('work whose commit was never confirmed is not done twice', async () => {
  const fresh = await freshStore();
  const proxy = await proxyTo(fresh);
  const store = await openStore({ url: proxy.url });
  const run = newRun({ budgetUsd: 1 });
  const key = newKey();
  const call = { key, run, step: 's', model: 'a/1' };
  const following = Array.fromAsync(store.events.follow(run.id));

  proxy.loseAnswerTo('begin_call');
  expect(await store.journal.begin({ ...call, worstCaseUsd: 0.1 })).toMatchObject({ epoch: 1 });
  proxy.loseAnswerTo('write_batch');
  await store.events.append(run, [{ type: 'call.delta', text: 'once', step: 's', call: key.slice(0, 16), epoch: 1 }]);
  proxy.loseAnswerTo('write_batch');
  const answer = reply({ text: 'once' });
  expect(await store.journal.end({ ...call, epoch: 1 }, { reply: answer, completesStep: true })).toEqual(answer);
  proxy.loseAnswerTo('write_batch');
  await store.events.record(run, [{ type: 'run.completed', costUsd: 0.01, key: 'end' }]);
  await until(() => proxy.lost() === 4);

  const types = (await following).map(({ type, epoch }) => (epoch ? `${type} ${epoch}` : type));
  expect(types).toEqual([
    ...['run.started', 'step.started', 'call.started 1', 'call.delta 1', 'call.completed 1', 'step.completed'],
    'run.completed',
  ]);
  expect(await store.ledger.account(`run:${run.chain}`)).toEqual({ budgetUsd: 1, spentUsd: 0.01, reservedUsd: 0 });
  await store.close();
  await proxy.close();
  await fresh.drop();
});
