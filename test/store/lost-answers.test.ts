import { expect, test } from '@jest/globals';
import { openStore } from '../../src/store/index.ts';
import { databaseProxy } from '../setup/database-proxy.ts';
import { freshStore } from './fresh-store.ts';
import { newKey, newRun, reply, until } from './samples.ts';

test('work whose commit was never confirmed is not done twice', async () => {
  const fresh = await freshStore();
  const proxy = await databaseProxy(fresh.url);
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

test('a lost attempt is named again to whoever did not hear of it, and a repeated end books nothing twice', async () => {
  const fresh = await freshStore();
  const proxy = await databaseProxy(fresh.url);
  const store = await openStore({ url: proxy.url });
  const run = newRun({ budgetUsd: 1 });
  const call = { key: newKey(), run, step: 's', model: 'a/1' };
  await fresh.store.journal.begin({ ...call, worstCaseUsd: 0.1 });
  const place = { step: 's', call: call.key.slice(0, 16), epoch: 1 };
  await fresh.store.events.append(run, [{ type: 'call.delta', text: 'Half', ...place }]);

  proxy.loseAnswerTo('begin_call');
  const begun = await store.journal.begin({ ...call, worstCaseUsd: 0.1 });
  expect(begun).toMatchObject({ epoch: 2, lost: [{ epoch: 1, streamed: 'Half' }] });
  const spent = { usage: { inputTokens: 1, outputTokens: 1 }, costUsd: 0.01, estimated: true };
  proxy.loseAnswerTo('write_batch');
  await store.journal.book({ ...call, epoch: 1 }, spent);
  proxy.loseAnswerTo('write_batch');
  const error = { type: 'Cancelled', message: 'stopped' } as const;
  await store.journal.end({ ...call, epoch: 2 }, { error, next: 'final', spent });
  expect(proxy.lost()).toBe(3);
  expect((await fresh.store.ledger.bill(run.chain)).calls).toHaveLength(2);
  expect(await fresh.store.ledger.account(`run:${run.chain}`)).toEqual({
    ...{ budgetUsd: 1, spentUsd: 0.02, reservedUsd: 0 },
  });
  await store.close();
  await proxy.close();
  await fresh.drop();
});
