import type { Cache } from './cache.ts';
import type { Circuits } from './circuits.ts';
import type { Attempt, AttemptOutcome, Journal } from './journaled-calls.ts';
import type { Limits } from './limits.ts';
import type { Sealing } from './sealing.ts';
import type { ToolJournal } from './tool-journal.ts';

/*
 * Calls and requests are known by hashes of what is asked. Where texts are sealed, whoever has the database could still guess
 * a prompt and make its hash: so the store keeps them under keyed hashes. What is older than that is found under its own.
 */

/** The journal by keyed hashes. */
export function keyedJournal(journal: Journal, { keyed, since }: Sealing): Journal {
  if (!since) return journal;
  const named = <Call extends { key: string }>(call: Call): Call => ({ ...call, key: keyed(call.key) });
  const attempt = (given: Attempt) => named(given);
  const cached = <Outcome extends AttemptOutcome>(outcome: Outcome): Outcome =>
    'reply' in outcome && outcome.cache
      ? { ...outcome, cache: { ...outcome.cache, requestHash: keyed(outcome.cache.requestHash) } }
      : outcome;
  return {
    begin(call) {
      const { key, others = [], shared, run } = call;
      // A run from before may have its answers under plain hashes.
      const old = Date.parse(run.startedAt) < since.getTime() ? [key, ...others] : [];
      return journal.begin({
        ...named(call),
        others: [...others.map(keyed), ...old],
        shared: shared && { ...shared, requestHash: keyed(shared.requestHash) },
      });
    },
    end: (given, outcome) => journal.end(attempt(given), cached(outcome)),
    endAhead: (given, outcome) => journal.endAhead(attempt(given), cached(outcome)),
    ahead: journal.ahead,
    book: (given, spent) => journal.book(attempt(given), spent),
    lost: (call) => journal.lost(named(call)),
    ended: async (key) => (await journal.ended(keyed(key))) ?? (await journal.ended(key)),
    takeFailure: (call) => journal.takeFailure(named(call)),
    finishCached: (call) => journal.finishCached(named(call)),
  };
}

/** The cache by keyed hashes. */
export function keyedCache(cache: Cache, { keyed, since }: Sealing): Cache {
  if (!since) return cache;
  const named = <Request extends { requestHash: string; holder?: string }>(request: Request): Request => ({
    ...request,
    requestHash: keyed(request.requestHash),
    ...(request.holder === undefined ? {} : { holder: keyed(request.holder) }),
  });
  return {
    find: (request) => cache.find(named(request)),
    claim: (flight) => cache.claim(named(flight)),
    evict: (entry) => cache.evict(named(entry)),
    renew: (flight) => cache.renew(named(flight)),
    release: (flight) => cache.release(named(flight)),
    wait: (flight) => cache.wait(named(flight)),
    clear: cache.clear,
  };
}

/** The journal of tools by keyed hashes; a call that was begun before under its own is still that one, and made once. */
export function keyedTools(tools: ToolJournal, { keyed, since }: Sealing): ToolJournal {
  if (!since) return tools;
  const keyOf = async (key: string) => ((await tools.isKnown(key)) ? key : keyed(key));
  return {
    isKnown: async (key) => (await tools.isKnown(key)) || tools.isKnown(keyed(key)),
    begin: async (call) => tools.begin({ ...call, key: await keyOf(call.key) }),
    ended: async (key) => tools.ended(await keyOf(key)),
    wait: async (key, ...rest) => tools.wait(await keyOf(key), ...rest),
    end: async (key, outcome) => tools.end(await keyOf(key), outcome),
  };
}

/** Calls that wait for room, by keyed hashes. */
export function keyedLimits(limits: Limits, { keyed, since }: Sealing): Limits {
  if (!since) return limits;
  return { ...limits, take: (request) => limits.take({ ...request, key: keyed(request.key) }) };
}

/** Calls that find out whether a provider is back, by keyed hashes. */
export function keyedCircuits(circuits: Circuits, { keyed, since }: Sealing): Circuits {
  if (!since) return circuits;
  return {
    find: circuits.find,
    pass: (scopes, key, probeMs) => circuits.pass(scopes, keyed(key), probeMs),
    failed: (failure) => circuits.failed({ ...failure, key: keyed(failure.key) }),
    succeeded: (scopes, key, rules) => circuits.succeeded(scopes, keyed(key), rules),
    abandon: (scopes, key) => circuits.abandon(scopes, keyed(key)),
  };
}
