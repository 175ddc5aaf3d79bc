import type { Provider } from './provider.ts';

/** A start never waits longer for an endpoint's own list. */
const LIMIT_MS = 2_000;
const KEPT_MS = 600_000;
/** An endpoint that did not give its list is asked again after this time, not at every start. */
const FAILURE_KEPT_MS = 30_000;

/** The models an endpoint lists now; undefined where it gives no list in time. Kept 10 minutes. */
export function liveModels(now: () => number = Date.now): (provider: Provider) => Promise<string[] | undefined> {
  const kept = new Map<string, { until: number; ids: Promise<string[] | undefined> }>();
  return async (provider) => {
    const found = kept.get(provider.name);
    if (found && found.until > now()) return found.ids;
    const entry = { until: now() + KEPT_MS, ids: listed(provider) };
    kept.set(provider.name, entry);
    const ids = await entry.ids;
    if (!ids) entry.until = now() + FAILURE_KEPT_MS;
    return ids;
  };
}

async function listed(provider: Provider): Promise<string[] | undefined> {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => {
      resolve(undefined);
      late.abort();
    }, LIMIT_MS);
  });
  const ids = provider.listModels(late.signal).then(
    (list) => (list.length > 0 ? list : undefined),
    () => undefined,
  );
  try {
    return await Promise.race([ids, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
