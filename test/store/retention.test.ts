import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunRef } from '../../src/contract/index.ts';
import { openStore, type RetentionAges } from '../../src/store/index.ts';
import { fillDatabase } from '../setup/fill-database.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, newRun, reply } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const DAY = 86_400_000;
const NEVER = Number.POSITIVE_INFINITY;
const ages = (over: Partial<RetentionAges>): RetentionAges => ({
  ...{ deltas: NEVER, events: NEVER, calls: NEVER, runs: NEVER },
  ...over,
});
const prune = (over: Partial<RetentionAges>) => fresh.store.retention.prune(ages(over));

/** A run with one streamed call, the second attempt of which answered; ended unless it is to go on. */
async function madeRun({ open = false, ...over }: Partial<RunRef> & { open?: boolean } = {}) {
  const run = newRun(over);
  const call = { key: newKey(), run, step: 's', model: 'a/1' };
  const { journal, events } = fresh.store;
  const words = async (epoch: number, texts: string[]) => {
    const place = { step: 's', call: call.key.slice(0, 16), epoch };
    for (const text of texts) await events.append(run, [{ type: 'call.delta', text, ...place }]);
  };
  await journal.begin({ ...call, worstCaseUsd: null });
  await words(1, ['Lon', 'don']);
  const error = { type: 'ConnectionLost', message: 'gone' } as const;
  await journal.end({ ...call, epoch: 1 }, { error, next: { delayMs: 1 } });
  await journal.begin({ ...call, worstCaseUsd: null });
  await words(2, ['Par', 'is', '!']);
  await journal.end({ ...call, epoch: 2 }, { reply: reply({ text: 'Paris!' }), completesStep: true });
  if (!open) await events.record(run, [{ type: 'run.completed', costUsd: 0.01, key: 'end' }]);
  return { run, call };
}

/** Lets time pass for a run. */
async function agedBy(run: RunRef, ms: number): Promise<void> {
  const ago = `- interval '${ms} ms'`;
  await query(
    fresh.url,
    `update runs set started_at = started_at ${ago}, ended_at = ended_at ${ago} where chain = '${run.chain}';
     update events set at = at ${ago} where chain = '${run.chain}'`,
  );
}

/** What a reader who begins now sees. */
async function seen({ id, chain }: RunRef): Promise<string[]> {
  const events = await Array.fromAsync(fresh.store.events.follow(id, { chain }));
  return events.map((event) => (event.type === 'call.delta' ? `${event.text} ${event.epoch}` : event.type));
}

test('text as it streamed becomes one event a call, and a reader sees the same story', async () => {
  const { run, call } = await madeRun();
  await agedBy(run, 8 * DAY);
  const { run: young } = await madeRun();
  expect(await prune({ deltas: 7 * DAY })).toMatchObject({ deltas: 4 });
  expect(await seen(run)).toEqual([
    ...['run.started', 'step.started', 'call.started', 'call.retrying', 'Paris! 2', 'call.completed', 'step.completed'],
    'run.completed',
  ]);
  expect(await seen(young)).toContain('Par 2');
  expect(await fresh.store.journal.ended(call.key)).toMatchObject({ reply: { text: 'Paris!' } });
  expect((await prune({ deltas: 7 * DAY }))?.deltas).toBeUndefined();
});

test('of a run that is still open only the text of answered calls goes', async () => {
  const { run, call } = await madeRun({ open: true });
  const asked = { key: newKey(), run, step: 't', model: 'a/1' };
  await fresh.store.journal.begin({ ...asked, worstCaseUsd: null });
  const place = { step: 't', call: asked.key.slice(0, 16), epoch: 1 };
  for (const text of ['still ', 'talking'])
    await fresh.store.events.append(run, [{ type: 'call.delta', text, ...place }]);
  await agedBy(run, 900 * DAY);
  expect(await prune({ deltas: DAY, events: DAY, calls: DAY, runs: DAY })).toMatchObject({ deltas: 4 });
  const texts = (await fresh.store.events.read(run.chain, 0, 100)).flatMap((event) =>
    event.type === 'call.delta' ? [event.text] : [],
  );
  expect(texts).toEqual(['Paris!', 'still ', 'talking']);
  expect(await fresh.store.journal.begin({ ...call, worstCaseUsd: null })).toMatchObject({ state: 'finished' });
});

test('events, calls and at last the run go, each at its age, and readers are told', async () => {
  const { run, call } = await madeRun();
  await agedBy(run, 40 * DAY);
  await prune({ deltas: 7 * DAY, events: 30 * DAY, calls: 90 * DAY, runs: 400 * DAY });
  expect(await seen(run)).toEqual(['run.started', 'run.completed']);
  const [first] = await fresh.store.events.read(run.chain, 0, 1);
  expect(first).toMatchObject({ type: 'run.started', pruned: true, pattern: 'ask' });
  expect((await fresh.store.runs.timeline(run.chain)).steps).toMatchObject([{ step: 's', calls: [{ attempts: 2 }] }]);

  await prune({ deltas: DAY, events: DAY, calls: 39 * DAY, runs: 400 * DAY });
  expect(await fresh.store.journal.ended(call.key)).toBeUndefined();
  expect(await fresh.store.runs.timeline(run.chain)).toEqual({ id: run.id, steps: [], pruned: true });
  expect(await fresh.store.ledger.bill(run.chain)).toMatchObject({ totalUsd: 0.01, calls: [{ step: 's' }] });

  await prune({ deltas: DAY, events: DAY, calls: DAY, runs: 39 * DAY });
  expect(await fresh.store.runs.find(run.id)).toBeUndefined();
  expect(await fresh.store.ledger.bill(run.chain)).toMatchObject({ calls: [] });
  expect(await fresh.store.events.read(run.chain, 0, 10)).toEqual([]);
});

test('what a run that is still open may need again of the runs below it stays', async () => {
  const { run: parent } = await madeRun({ open: true });
  const { run: child, call } = await madeRun({ above: [parent.chain] });
  await agedBy(child, 500 * DAY);
  const all = { deltas: DAY, events: DAY, calls: DAY, runs: DAY };
  await prune(all);
  expect(await fresh.store.journal.ended(call.key)).toBeDefined();
  await fresh.store.events.record(parent, [{ type: 'run.completed', costUsd: 0.01, key: 'end' }]);
  await prune(all);
  expect(await fresh.store.journal.ended(call.key)).toBeDefined();
  await agedBy(parent, 2 * DAY);
  await prune(all);
  expect(await fresh.store.journal.ended(call.key)).toBeUndefined();
});

test('a run that was reset after its text went is pruned anew when it has ended again', async () => {
  const { run, call } = await madeRun();
  await agedBy(run, 8 * DAY);
  await prune({ deltas: 7 * DAY });
  const again = { ...call, key: newKey() };
  await fresh.store.journal.begin({ ...again, worstCaseUsd: null });
  const place = { step: 's', call: again.key.slice(0, 16), epoch: 1 };
  for (const text of ['once ', 'more']) await fresh.store.events.append(run, [{ type: 'call.delta', text, ...place }]);
  await fresh.store.events.record(run, [{ type: 'run.completed', costUsd: 0.01, key: 'end' }]);
  await agedBy(run, 8 * DAY);
  await prune({ deltas: 7 * DAY });
  expect((await seen(run)).filter((line) => line.endsWith(' 1'))).toEqual(['once more 1']);
});

test('blobs and messages go with the last run that refers to them', async () => {
  const { blobs, transcripts } = fresh.store;
  const [{ run: one }, { run: two }] = [await madeRun(), await madeRun()];
  const bytes = [Buffer.from('shared by both'), Buffer.from('of one only')];
  const [shared, own] = await blobs.put(bytes, one.id);
  await blobs.put([bytes[0]!], two.id);
  const [free] = await blobs.put([Buffer.from('of nobody we know')]);
  const message = (content: string) => ({ message: { role: 'system' as const, content }, tokens: 1 });
  const [system] = await transcripts.keep([message('Be brief.')], one.id);
  const line = { message: { role: 'user' as const, content: 'Hello' }, tokens: 1 };
  await transcripts.append(one.chain, 0, [line]);
  await transcripts.append(`${two.chain}`, 0, [line]);
  await query(fresh.url, `update blobs set used_at = now() - interval '2 days'`);
  await query(fresh.url, `update messages set used_at = now() - interval '2 days'`);
  const all = { deltas: DAY, events: DAY, calls: DAY };

  await agedBy(one, 2 * DAY);
  expect(await prune(all)).toMatchObject({ blobs: 1, messages: 1, 'lines of transcripts': 1 });
  expect(await blobs.get([shared!, free!])).toHaveLength(2);
  await expect(blobs.get([own!])).rejects.toThrow('No blob');
  await expect(transcripts.messages([system!])).rejects.toThrow('There is no message');
  expect(await transcripts.read(two.chain, 0, 1)).toEqual([line.message]);

  await agedBy(two, 2 * DAY);
  expect(await prune(all)).toMatchObject({ blobs: 1, messages: 1 });
  await expect(blobs.get([shared!])).rejects.toThrow('No blob');
  expect(await blobs.get([free!])).toHaveLength(1);
});

test('a preview counts what the pass then takes away, and of two passes at once one does it', async () => {
  const big = await freshStore();
  await fillDatabase(big.url, { runs: 1_000, days: 100 });
  // half a run away from the ends of runs
  const kept = { deltas: 10.05 * DAY, events: 20.05 * DAY, calls: 50.05 * DAY, runs: 80.05 * DAY };
  const preview = await big.store.retention.preview(kept);
  expect(preview).toMatchObject({ runs: 200, calls: 1_500, 'bill lines': 600 });
  const other = await openStore({ url: big.url });
  const passes = await Promise.all([big.store.retention.prune(kept), other.retention.prune(kept)]);
  await other.close();
  const [pass, none] = passes[0] ? passes : passes.toReversed();
  expect(none).toBeUndefined();
  expect(pass).toMatchObject({ runs: 200, calls: 1_500, 'bill lines': 600 });
  expect(await big.store.retention.preview(kept)).toEqual({});
  const page = await big.store.runs.list({ limit: 1 });
  expect(page.runs[0]).toMatchObject({ id: 'filled-1000' });
  await big.drop();
});

test('runs go on while old ones are forgotten', async () => {
  const big = await freshStore();
  await fillDatabase(big.url, { runs: 2_000, days: 100 });
  const pass = big.store.retention.prune({ deltas: DAY, events: DAY, calls: DAY, runs: DAY });
  let done = false;
  void pass.finally(() => {
    done = true;
  });
  const key = newKey();
  const run = newRun();
  for (let n = 0; !done; n++) {
    const call = { key: `${key}${n}`, run, step: 's', model: 'a/1' };
    expect(await big.store.journal.begin({ ...call, worstCaseUsd: null })).toMatchObject({ state: 'open' });
    await big.store.journal.end({ ...call, epoch: 1 }, { reply: reply(), completesStep: false });
  }
  const pruned = await pass;
  expect(pruned?.runs).toBeGreaterThan(1_900);
  expect(await big.store.runs.find(run.id)).toMatchObject({ status: 'running' });
  await big.drop();
});
