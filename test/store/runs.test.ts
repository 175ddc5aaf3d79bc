import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunRef, Timeline } from '../../src/contract/index.ts';
import { type FreshStore, freshStore } from './fresh-store.ts';
import { newKey, newRun, reply, until } from './samples.ts';

let fresh: FreshStore;
beforeAll(async () => {
  fresh = await freshStore();
});
afterAll(() => fresh.drop());

const minute = (n: number) => new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString();
const open = (run: RunRef) => fresh.store.events.record(run, []);

test('pages list every run once, newest first, also those started in the same millisecond', async () => {
  const runs = Array.from({ length: 25 }, (_, n) => newRun({ startedAt: minute(Math.floor(n / 4)), tenant: 'pages' }));
  await Promise.all(runs.map(open));
  const listed: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await fresh.store.runs.list({ tenant: 'pages', limit: 7, cursor });
    listed.push(...page.runs.map(({ id }) => id));
    cursor = page.nextCursor;
    pages += 1;
  } while (cursor);
  expect(pages).toBe(4);
  expect(listed).toEqual(
    runs.toSorted((a, b) => (`${a.startedAt} ${a.chain}` < `${b.startedAt} ${b.chain}` ? 1 : -1)).map(({ id }) => id),
  );
  await expect(fresh.store.runs.list({ cursor: 'nonsense' })).rejects.toThrow('cursor');
});

test('runs are found by pattern, status and tenant; an id used again shows its newest run alone', async () => {
  const tenant = 'filters';
  const old = newRun({ tenant, startedAt: minute(1), pattern: 'compare' });
  const again = { ...newRun({ tenant, startedAt: minute(2), pattern: 'compare' }), id: old.id };
  const done = newRun({ tenant, startedAt: minute(3) });
  await Promise.all([
    open(old),
    open(again),
    fresh.store.events.record(done, [{ type: 'run.completed', costUsd: 0, key: 'e' }]),
  ]);
  const ids = async (query: object) => (await fresh.store.runs.list({ tenant, ...query })).runs.map(({ id }) => id);
  expect(await ids({})).toEqual([done.id, old.id]);
  expect(await ids({ pattern: 'compare' })).toEqual([old.id]);
  expect(await ids({ status: 'completed' })).toEqual([done.id]);
  expect(await ids({ status: 'failed' })).toEqual([]);
  expect(await ids({ text: done.id.slice(3, 20).toUpperCase() })).toEqual([done.id]);
  expect(await ids({ text: '%' })).toEqual([]);
  expect(await ids({ since: minute(3) })).toEqual([done.id]);
  expect(await ids({ until: minute(3) })).toEqual([old.id]);
  expect(await fresh.store.runs.chainOf(old.id)).toBe(again.chain);
  expect(await fresh.store.runs.find(old.id)).toMatchObject({ chain: again.chain, startedAt: minute(2) });
  expect(await fresh.store.runs.find('none')).toBeUndefined();
});

test('the timeline tells steps in order, each with its calls, their attempts and what went wrong', async () => {
  const { journal, runs } = fresh.store;
  const run = newRun();
  const [first, second] = [newKey(), newKey()];
  const limited = { type: 'RateLimited', message: 'slow down' } as const;
  const gone = { type: 'Unavailable', message: 'gone' } as const;
  await journal.begin({ key: first, run, step: 'research', model: 'a/1', worstCaseUsd: null });
  await journal.end(
    { key: first, run, step: 'research', epoch: 1, model: 'a/1' },
    { error: limited, next: { delayMs: 1 } },
  );
  await journal.begin({ key: first, run, step: 'research', model: 'a/1', worstCaseUsd: null });
  await journal.end({ key: first, run, step: 'research', epoch: 2, model: 'a/1' }, { error: gone, next: 'final' });
  const fallback = { from: 'a/1', error: gone };
  await journal.begin({ key: second, run, step: 'research', model: 'b/2', worstCaseUsd: null, fallback });
  const answer = reply({ model: 'b/2', firstTokenMs: 3, totalMs: 9 });
  await journal.end(
    { key: second, run, step: 'research', model: 'b/2', epoch: 1 },
    { reply: answer, completesStep: true },
  );
  await journal.finishCached({ key: newKey(), run, step: 'write', model: 'b/2', reply: answer });

  const [at, id] = [expect.any(String), expect.any(String)];
  expect(await runs.timeline(run.chain)).toEqual({
    id: run.id,
    steps: [
      {
        ...{ step: 'research', startedAt: at, endedAt: at },
        calls: [
          {
            ...{ call: id, model: 'a/1', startedAt: at, endedAt: at, attempts: 2, cached: false },
            eachAttempt: [
              { startedAt: at, endedAt: at, error: limited },
              { startedAt: at, endedAt: at, error: gone },
            ],
            errors: [limited, gone],
          },
          {
            ...{
              call: id,
              model: 'b/2',
              fallback: { from: 'a/1', error: gone },
              startedAt: at,
              endedAt: at,
              attempts: 1,
              cached: false,
              errors: [],
            },
            ...{ firstTokenMs: 3, totalMs: 9, usage: answer.usage, costUsd: 0.01, finishReason: 'stop' },
          },
        ],
      },
      {
        ...{ step: 'write', startedAt: at, endedAt: at },
        calls: [expect.objectContaining({ model: 'b/2', cached: true, costUsd: 0, attempts: 1 })],
      },
    ],
  });
});

test('a call that waited before it was asked again says when it had failed, and what each attempt used', async () => {
  const { journal, runs, ledger } = fresh.store;
  const run = newRun({ tenant: 'waits' });
  const call = { key: newKey(), run, step: 'ask', model: 'a/1' };
  const gone = { type: 'Unavailable', message: 'gone' } as const;
  const spent = { usage: { inputTokens: 5, outputTokens: 1 }, costUsd: 0.25, estimated: true };
  await journal.begin({ ...call, worstCaseUsd: null });
  await journal.end({ ...call, epoch: 1 }, { error: gone, next: 'final', spent });
  const failedAt = (await runs.timeline(run.chain)).steps[0]!.calls[0]!.endedAt!;
  await until(() => Date.now() > Date.parse(failedAt) + 50);
  await journal.begin({ ...call, worstCaseUsd: null });
  await journal.end({ ...call, epoch: 2 }, { reply: reply({ model: 'a/1' }), completesStep: true });

  const [first, second] = (await runs.timeline(run.chain)).steps[0]!.calls[0]!.eachAttempt!;
  expect(first).toMatchObject({ endedAt: failedAt, error: gone, costUsd: 0.25, estimated: true, usage: spent.usage });
  expect(Date.parse(second!.startedAt) - Date.parse(failedAt)).toBeGreaterThanOrEqual(50);
  expect(second).toMatchObject({ costUsd: 0.01, endedAt: expect.any(String) });

  const ids = async (query: object) => (await runs.list({ tenant: 'waits', ...query })).runs.map((each) => each.id);
  expect(await ids({ model: 'a/1', minCostUsd: 0.2 })).toEqual([run.id]);
  expect(await ids({ model: 'a/2' })).toEqual([]);
  expect(await ids({ minCostUsd: 0.3 })).toEqual([]);
  expect((await ledger.spend({ tenant: 'waits' })).total).toMatchObject({ estimated: 1, estimatedUsd: 0.25 });
});

test('the timeline shows tools, approvals, hedges, steps that failed and those that are runs', async () => {
  const { events, runs } = fresh.store;
  const run = newRun();
  const error = { type: 'ToolFailed', message: 'no' } as const;
  const key = () => newKey();
  await events.record(run, [
    { type: 'step.started', step: 'sub', run: 'other', agent: 'writer', key: key() },
    { type: 'step.failed', step: 'sub', error, key: key() },
    { type: 'tool.started', step: 'a/web', tool: 'web', arguments: { n: { x: 1 }, q: 'two\nlines' }, key: key() },
    { type: 'tool.completed', step: 'a/web', tool: 'web', result: 'long', error, key: key() },
    { type: 'step.started', step: 'ok', key: key() },
    { type: 'approval.requested', step: 'ok', approval: 'ok', show: 'secret plan', key: key() },
    { type: 'approval.resolved', step: 'ok', approval: 'ok', approved: false, by: 'Ann', comment: 'no', key: key() },
  ]);
  const { steps } = await runs.timeline(run.chain);
  const at = expect.any(String);
  expect(steps).toEqual([
    { step: 'sub', startedAt: at, endedAt: at, run: 'other', agent: 'writer', error, calls: [] },
    {
      step: 'a/web',
      startedAt: at,
      endedAt: at,
      tool: { tool: 'web', summary: 'two lines', startedAt: at, endedAt: at, error },
      calls: [],
    },
    {
      ...{ step: 'ok', startedAt: at, calls: [] },
      approval: { requestedAt: at, resolvedAt: at, approved: false, by: 'Ann', comment: 'no' },
    },
  ]);
});

test('a timeline of many steps comes in pages, also when their events are no longer kept', async () => {
  const { runs, events, journal } = fresh.store;
  const run = newRun();
  const names = Array.from({ length: 7 }, (_, n) => `step ${n}`);
  for (const step of names) {
    const call = { key: newKey(), run, step, model: 'a/1' };
    await journal.begin({ ...call, worstCaseUsd: null });
    await journal.end({ ...call, epoch: 1 }, { reply: reply(), completesStep: true });
  }
  await events.record(run, [{ type: 'run.completed', costUsd: 0, key: 'end' }]);

  async function pages(limit: number) {
    const seen: string[][] = [];
    let after: number | undefined;
    do {
      const page: Timeline = await runs.timeline(run.chain, { limit, after });
      seen.push(page.steps.map(({ step, calls }) => `${step}: ${calls.length}`));
      after = page.nextAfter;
    } while (after !== undefined);
    return seen;
  }
  const lines = names.map((name) => `${name}: 1`);
  expect(await pages(3)).toEqual([lines.slice(0, 3), lines.slice(3, 6), lines.slice(6)]);
  expect(await pages(7)).toEqual([lines]);
  await fresh.store.db.updateTable('runs').set({ pruned: 2 }).where('chain', '=', run.chain).execute();
  await fresh.store.db.deleteFrom('events').where('chain', '=', run.chain).execute();
  expect(await pages(3)).toEqual([lines.slice(0, 3), lines.slice(3, 6), lines.slice(6)]);
});

test('an id is claimed once, by the first run that is to begin with it, and not where there is a run of it', async () => {
  const { runs } = fresh.store;
  const claims = await Promise.all(['a', 'b', 'c', 'd'].map((chain) => runs.claim('wanted', chain)));
  expect(new Set(claims).size).toBe(1);
  expect(await runs.claim('wanted', 'e')).toBe(claims[0]);
  const run = newRun();
  await open(run);
  expect(await runs.claim(run.id, 'another')).toBe(run.chain);
});
