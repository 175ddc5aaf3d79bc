import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ScopeLimits } from '../../src/contract/index.ts';
import { openStore, type Store, type TicketRequest } from '../../src/store/index.ts';
import { type FreshStore, freshStore, query } from './fresh-store.ts';
import { newKey, until } from './samples.ts';

const WINDOW_MS = 2_000;
const NEVER = new AbortController().signal;

let fresh: FreshStore;
let here: Store;
let there: Store;
/** a provider of its own for each test */
let provider = 'p0';
let nth = 0;

beforeAll(async () => {
  fresh = await freshStore();
  here = fresh.store;
  there = await openStore({ url: fresh.url });
});
afterAll(async () => {
  await there.close();
  await fresh.drop();
});
beforeEach(() => {
  provider = `p${++nth}`;
});

function call(limits: Omit<ScopeLimits, 'windowMs'>, over: Partial<TicketRequest> = {}): TicketRequest {
  const model = over.model ?? `${provider}/m`;
  const none = {} as ScopeLimits;
  const scopes = { [provider]: { ...limits, windowMs: WINDOW_MS }, [model]: none };
  return { key: newKey(), model, limits: scopes, priority: 'interactive', input: 10, output: 10, ...over };
}

/** Takes places one after another, and tells in which order they were admitted. */
async function inOrder(store: Store, calls: [name: string, request: TicketRequest][]) {
  const admitted: string[] = [];
  const all: Promise<void>[] = [];
  for (const [name, request] of calls) {
    const ticket = await store.limits.take(request);
    all.push(
      ticket.admitted(NEVER).then(() => {
        admitted.push(name);
        ticket.used({ arrivedAt: performance.now() });
      }),
    );
  }
  return { admitted, all: Promise.all(all) };
}

describe('a limit', () => {
  test('admits what fits into a window, of all processes together, and the rest in order when it has passed', async () => {
    const limits = { requests: 3 };
    const begun = performance.now();
    const admitted: number[] = [];
    const tickets = [];
    for (let n = 0; n < 6; n += 1) tickets.push(await (n < 3 ? here : there).limits.take(call(limits)));
    expect(tickets.map(({ wait }) => wait?.ahead)).toEqual([undefined, undefined, undefined, 0, 1, 2]);
    expect(tickets[3]!.wait).toMatchObject({ scope: provider, limit: 'requests' });
    await Promise.all(
      tickets.map(async (ticket, n) => {
        await ticket.admitted(NEVER);
        admitted.push(n);
        ticket.used({ arrivedAt: performance.now() });
      }),
    );
    expect(admitted.slice(0, 3).sort()).toEqual([0, 1, 2]);
    expect(admitted.slice(3)).toEqual([3, 4, 5]);
    expect(performance.now() - begun).toBeGreaterThan(WINDOW_MS);
  });

  test('is given back what a call did not use', async () => {
    const limits = { tokens: 100 };
    const large = await here.limits.take(call(limits, { input: 10, output: 80 }));
    const next = await there.limits.take(call(limits, { input: 10, output: 40 }));
    expect(next.wait).toMatchObject({ limit: 'tokens' });
    large.used({ arrivedAt: performance.now(), input: 10, output: 5 });
    const begun = performance.now();
    await next.admitted(NEVER);
    expect(performance.now() - begun).toBeLessThan(WINDOW_MS / 2);
    next.leave();
  });

  test('counts what an answer has beyond what was expected', async () => {
    const limits = { tokens: 100 };
    const long = await here.limits.take(call(limits, { output: 10 }));
    long.used({ arrivedAt: performance.now(), input: 10, output: 500 });
    await until(async () => (await there.limits.use()).find(({ scope }) => scope === provider)!.used.tokens === 510);
    const next = await there.limits.take(call(limits));
    expect(next.wait).toMatchObject({ limit: 'tokens' });
    next.leave();
  });

  test('of calls at once lets the next one go when one ends', async () => {
    const first = await here.limits.take(call({ concurrent: 1 }));
    const second = await there.limits.take(call({ concurrent: 1 }));
    expect(second.wait).toMatchObject({ limit: 'concurrent' });
    first.used({ arrivedAt: performance.now() });
    await second.admitted(NEVER);
    second.used({ arrivedAt: performance.now() });
  });

  test('of one model does not hold up another of the same provider', async () => {
    const model = `${provider}/slow`;
    const limits = { [provider]: {} as ScopeLimits, [model]: { requests: 1, windowMs: WINDOW_MS } };
    (await here.limits.take(call({}, { model, limits }))).used({ arrivedAt: performance.now() });
    const waits = await here.limits.take(call({}, { model, limits }));
    expect(waits.wait).toMatchObject({ scope: model });
    const other = await here.limits.take(call({ requests: 100 }, { model: `${provider}/quick` }));
    expect(other.wait).toBeUndefined();
    waits.leave();
    other.leave();
  });
});

describe('the queue', () => {
  test('lets interactive calls ahead of batch ones, whoever came first', async () => {
    const limits = { concurrent: 1 };
    const busy = await here.limits.take(call(limits));
    const { admitted, all } = await inOrder(there, [
      ['map 1', call(limits, { priority: 'batch' })],
      ['map 2', call(limits, { priority: 'batch' })],
      ['chat', call(limits)],
    ]);
    busy.leave();
    await all;
    expect(admitted).toEqual(['chat', 'map 1', 'map 2']);
  });

  test('lets tenants take turns', async () => {
    const limits = { concurrent: 1 };
    const busy = await here.limits.take(call(limits));
    const of = (tenant: string): TicketRequest => call(limits, { tenant });
    const { admitted, all } = await inOrder(there, [
      ['a1', of('a')],
      ['a2', of('a')],
      ['a3', of('a')],
      ['b1', of('b')],
      ['b2', of('b')],
    ]);
    busy.leave();
    await all;
    expect(admitted).toEqual(['a1', 'b1', 'a2', 'b2', 'a3']);
  });

  test('does not let small calls starve a large one', async () => {
    const limits = { tokens: 100 };
    const busy = await here.limits.take(call(limits, { input: 20, output: 20 }));
    const { admitted, all } = await inOrder(there, [
      ['large', call(limits, { input: 40, output: 40 })],
      ['small', call(limits, { input: 5, output: 5 })],
    ]);
    expect(admitted).toEqual([]);
    busy.leave();
    await all;
    expect(admitted).toEqual(['large', 'small']);
  });

  test('keeps the place of a call that was put off, and lets nobody wait for it meanwhile', async () => {
    const limits = { concurrent: 1 };
    const busy = await here.limits.take(call(limits));
    const parked = call(limits);
    const first = await here.limits.take(parked);
    first.park(60_000);
    const second = await here.limits.take(call(limits));
    busy.leave();
    await second.admitted(NEVER);
    const third = await here.limits.take(call(limits));
    const again = await there.limits.take(parked);
    expect(again.wait?.ahead).toBe(0);
    second.leave();
    await again.admitted(NEVER);
    again.leave();
    await third.admitted(NEVER);
    third.leave();
  });

  test('goes on past calls that were cancelled', async () => {
    const limits = { concurrent: 1 };
    const busy = await here.limits.take(call(limits));
    const cancelling = new AbortController();
    const cancelled = await here.limits.take(call(limits));
    const next = await there.limits.take(call(limits));
    const waiting = cancelled.admitted(cancelling.signal);
    cancelling.abort(new Error('cancelled'));
    await expect(waiting).rejects.toThrow('cancelled');
    cancelled.leave();
    busy.leave();
    await next.admitted(NEVER);
    next.leave();
  });

  test('goes on past a process that was killed with a call in flight; the retry of its waiting call has its place', async () => {
    const limits = { concurrent: 2 };
    const killed = await openStore({ url: fresh.url });
    const busy = await here.limits.take(call(limits));
    await killed.limits.take(call(limits));
    const waits = call(limits);
    await killed.limits.take(waits);
    const behind = await here.limits.take(call(limits));
    // From here on it renews nothing, and gives nothing back.
    await killed.close();
    await query(
      fresh.url,
      `update limit_holders set until = now() - interval '1 second' where holder = '${killed.processes.self}'`,
    );
    // Nobody waits with the killed one's call for now: the next one goes.
    await behind.admitted(NEVER);
    const last = await here.limits.take(call(limits));
    const retried = await there.limits.take(waits);
    expect(retried.wait).toMatchObject({ ahead: 0 });
    busy.leave();
    await retried.admitted(NEVER);
    retried.leave();
    await last.admitted(NEVER);
    for (const ticket of [behind, last]) ticket.leave();
  });
});

test('whoever reads along sees what is used and who waits', async () => {
  const limits = { requests: 10, tokens: 100, concurrent: 1 };
  const busy = await here.limits.take(call(limits));
  const waits = await here.limits.take(call(limits, { priority: 'batch' }));
  const use = (await there.limits.use()).find(({ scope }) => scope === provider);
  expect(use).toMatchObject({ inFlight: 1, used: { requests: 1, tokens: 20 } });
  const waiting = (await there.limits.waiting()).filter((one) => one.provider === provider);
  expect(waiting).toEqual([{ provider, priority: 'batch', calls: 1, longestMs: expect.any(Number) }]);
  busy.leave();
  waits.leave();
});
