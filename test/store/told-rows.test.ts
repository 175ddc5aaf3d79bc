import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { KyselyPlugin } from 'kysely';
import { createCircuits } from '../../src/store/circuits.ts';
import { createLearnedLimits } from '../../src/store/learned-limits.ts';
import { UNSEALED } from '../../src/store/sealing.ts';
import { createTicketHolder } from '../../src/store/ticket-holder.ts';
import { testLog } from '../setup/test-log.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const { log } = testLog();

/** The database, whose answers are on their way until they are let through. */
function slowAnswers() {
  const read = Promise.withResolvers<void>();
  const arrive = Promise.withResolvers<void>();
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      read.resolve();
      await arrive.promise;
      return result;
    },
  };
  const arrived = async () => {
    arrive.resolve();
    await new Promise(setImmediate);
  };
  return { db: fresh.store.db.withPlugin(plugin), read: read.promise, arrived };
}

test('a circuit that opens, or closes, while all are read stands as it was told', async () => {
  const failure = { type: 'Unavailable', message: 'It is down', retryAfterMs: 60_000 } as const;
  const rules = { failures: 1, withinMs: 10_000, restMs: 60_000 };
  for (const scope of ['closes', 'stays'])
    await fresh.store.circuits.failed({ scope, key: scope, error: failure, rules });
  const { db, read, arrived } = slowAnswers();
  const circuits = createCircuits(db, createTicketHolder(db, 'here', log), log, UNSEALED);
  circuits.refetchAll();
  await read;
  circuits.onNotification(
    `opens\n${JSON.stringify({ failures: 3, error: failure, downSince: new Date().toISOString(), opensInMs: 60_000 })}`,
  );
  circuits.onNotification('closes\n');
  await arrived();
  const open = ['opens', 'closes', 'stays'].filter((scope) => circuits.find([scope]));
  expect(open).toEqual(['opens', 'stays']);
});

test('limits that are learned while all are read stay known', async () => {
  const { db, read, arrived } = slowAnswers();
  const learned = createLearnedLimits(db, log);
  learned.refetchAll();
  await read;
  learned.onNotification('p/m\n{"requests":5}\n60000');
  await arrived();
  expect(learned.of('p/m')).toEqual({ requests: 5 });
});
