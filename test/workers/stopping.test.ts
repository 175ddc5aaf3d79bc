import { afterAll, afterEach, beforeEach, expect, test } from '@jest/globals';
import { Runtime } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { databaseProxy } from '../setup/database-proxy.ts';
import { testLog } from '../setup/test-log.ts';
import { untilEvent } from '../setup/until.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';

/** Longer than a worker gives its calls, and what it takes to close. */
const PATIENCE_MS = 90_000;
const LANES = ['direct', 'standard', 'fast'] as const;
const house = { candidates: ['house/m'], cache: false as const };

let fresh: FreshStore;
let peer: ChatPeer;
beforeEach(async () => {
  fresh = await freshStore();
  peer = await chatPeer((prompt) =>
    prompt.includes('for long')
      ? { words: Array.from({ length: 600 }, (_, n) => `w${n} `), paceMs: 100 }
      : { words: ['some ', 'words ', 'more'], paceMs: 300 },
  );
});
afterEach(async () => {
  await peer.stop();
  await fresh.drop();
});
afterAll(() => Runtime.instance().shutdown());

function workerOn(taskQueue: string, databaseUrl: string): Promise<RunningWorker> {
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const config = parseConfig({ providers: { house: peer.provider } });
  return startWorker({ temporalAddress, namespace: 'default', databaseUrl, config, log: testLog().log, taskQueue });
}

test(
  'calls that take longer than a stopping worker waits go on in another one, in all lanes',
  async () => {
    const worker = await workerOn('stops', fresh.url);
    const ids: string[] = [];
    for (const lane of LANES) {
      const { id } = await worker.client.start('ask', { prompt: `${lane}, for long`, policy: { ...house, lane } });
      await untilEvent(worker.client, id, 'call.delta');
      ids.push(id);
    }
    await worker.drain();
    expect(peer.sent).toHaveLength(LANES.length);

    const another = await workerOn('stops', fresh.url);
    for (const id of ids) {
      const { error } = await untilEvent(another.client, id, 'call.retrying');
      expect(error).toMatchObject({ type: 'ConnectionLost' });
      expect(await another.client.show(id)).toMatchObject({ status: 'running' });
      await another.client.cancel(id);
    }
    await another.drain();
  },
  PATIENCE_MS,
);

test(
  'a worker whose database hangs stops all the same, with answers it could not keep',
  async () => {
    const proxy = await databaseProxy(fresh.url);
    const worker = await workerOn('database-hangs', proxy.url);
    const steps = [
      { id: 'one', prompt: 'first' },
      { id: 'two', prompt: 'then {{steps.one.text}}' },
    ];
    for (const lane of LANES) {
      const run = await worker.client.start('chain', { policy: { ...house, lane }, steps });
      await untilEvent(worker.client, run.id, 'call.started');
    }
    proxy.hang();
    await worker.drain();
    expect(peer.askedWith('then')).toHaveLength(0);
    await proxy.close();
  },
  PATIENCE_MS,
);
