import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { createCancelAbandoned } from '../../src/activities/cancel-abandoned.ts';
import type { Rooms } from '../../src/activities/rooms.ts';
import { parseConfig } from '../../src/config/index.ts';
import { providerRegistry } from '../../src/providers/index.ts';
import { ANSWER, type BackgroundPeer, backgroundPeer, TOKENS } from '../setup/background-peer.ts';
import { testLog } from '../setup/test-log.ts';
import { until, untilEvent } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const policy = { candidates: ['openai/gpt-4o'], background: true, cache: false as const };
const ONE_LINE = [{ usage: { inputTokens: TOKENS.input, outputTokens: TOKENS.output } }];

let peer: BackgroundPeer;
let bed: CrashBed;

beforeAll(async () => {
  peer = await backgroundPeer();
  bed = await crashBed({ provider: peer });
  await bed.start();
});
afterAll(() => bed.close());
beforeEach(() => peer.hold());

/** A run whose model has begun to speak, and waits in the middle of its answer. */
async function begun(prompt: string) {
  const run = await bed.cadenza.start('ask', { prompt, policy });
  await untilEvent(bed.cadenza, run.id, 'call.delta');
  const answer = () => peer.answers.filter((one) => one.prompt === prompt);
  return { run, answers: answer, bill: async () => (await bed.cadenza.bill(run.id)).calls };
}

test('an answer whose worker is killed goes on at the provider, and the next worker hears it: asked once, paid once', async () => {
  const { run, answers, bill } = await begun('Killed');
  await bed.kill();
  peer.goOn();
  await bed.start();
  expect(await run.result()).toMatchObject({ text: ANSWER });
  expect(answers()).toHaveLength(1);
  expect(peer.resumed()).toBeGreaterThan(0);
  expect(await bill()).toMatchObject(ONE_LINE);
  const events = await Array.fromAsync(bed.cadenza.events(run.id));
  const heard = events.flatMap((event) => (event.type === 'call.delta' && event.epoch === 2 ? [event.text] : []));
  expect(heard.join('')).toBe(ANSWER);
});

test('a connection that breaks is not an answer that is lost', async () => {
  const { run, answers, bill } = await begun('Cut off');
  for (const epoch of [2, 3]) {
    peer.hangUp();
    await untilEvent(bed.cadenza, run.id, 'call.delta', (event) => event.epoch === epoch);
  }
  peer.goOn();
  expect(await run.result()).toMatchObject({ text: ANSWER });
  expect(answers()).toHaveLength(1);
  expect(await bill()).toMatchObject(ONE_LINE);
});

test('a run that is cancelled ends it at the provider', async () => {
  const { run, answers, bill } = await begun('Cancelled');
  await bed.cadenza.cancel(run.id);
  await until(() => answers()[0]!.status === 'cancelled' || undefined);
  const [line, ...others] = await until(async () => {
    const lines = await bill();
    return lines.length > 0 ? lines : undefined;
  });
  expect(line).toMatchObject({ estimated: true });
  expect(others).toEqual([]);
  // The provider has ended it a moment before its answer is forgotten here.
  await until(async () => (await kept()).length === 0 || undefined);
});

test('one that fails there is asked for again, and not listened to any more', async () => {
  const { run, answers } = await begun('Broken');
  peer.fail();
  await until(() => answers()[1]);
  peer.goOn();
  expect(await run.result()).toMatchObject({ text: ANSWER });
  expect(answers().map(({ status }) => status)).toEqual(['failed', 'completed']);
});

test('one that the provider has not kept is made again, and the one that was lost is on the bill', async () => {
  const { run, answers, bill } = await begun('Forgotten');
  peer.forget();
  peer.hangUp();
  await until(() => answers()[1]);
  peer.remember();
  peer.goOn();
  expect(await run.result()).toMatchObject({ text: ANSWER });
  expect(answers()).toHaveLength(2);
  expect(await bill()).toMatchObject([{ estimated: true }, ...ONE_LINE]);
});

test('one for which nobody is left is ended by a worker, beside its work', async () => {
  const { run, answers } = await begun('Abandoned');
  await bed.kill();
  await bed.store.db.updateTable('runs').set({ status: 'cancelled' }).where('id', '=', run.id).execute();
  await bed.store.db.updateTable('background_answers').set({ at: sql<Date>`now() - interval '2 minutes'` }).execute();
  const providers = providerRegistry({ config: parseConfig({}), env: bed.env });
  const rooms = { store: bed.store, providers, log: testLog().log };
  await createCancelAbandoned(rooms as unknown as Rooms)(new AbortController().signal);
  expect(answers()[0]!.status).toBe('cancelled');
  expect(await kept()).toEqual([]);
});

const kept = () => bed.store.db.selectFrom('background_answers').select('id').execute();
