/** Filters of the list of runs, as they stand in the page's address; '' is none. */
export interface RunFilters {
  status: string;
  pattern: string;
  model: string;
  tenant: string;
  text: string;
  /** how far back: `1h`, `1d`, `7d`, `30d` */
  within: string;
  minCostUsd: string;
}

const NAMES = ['status', 'pattern', 'model', 'tenant', 'text', 'within', 'minCostUsd'] as const;

const WITHIN_MS: Record<string, number> = {
  '1h': 3_600_000,
  '1d': 86_400_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
};

export function filtersOf(query: URLSearchParams): RunFilters {
  return Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as unknown as RunFilters;
}

export function isFiltered(filters: RunFilters): boolean {
  return NAMES.some((name) => filters[name] !== '');
}

/** The page's address with these filters, from the newest run on. */
export function addressOf(filters: RunFilters, cursor?: string): string {
  const query = new URLSearchParams(NAMES.filter((name) => filters[name] !== '').map((name) => [name, filters[name]]));
  if (cursor !== undefined) query.set('cursor', cursor);
  return `/runs${query.size > 0 ? `?${query}` : ''}`;
}

/** What the API is asked. @param now ms since 1970; to the minute, so that asking again asks the same */
export function requestOf({ within, ...filters }: RunFilters, cursor: string | null, now: number): string {
  const query = new URLSearchParams({ limit: '50' });
  for (const [name, value] of Object.entries(filters)) if (value !== '') query.set(name, value);
  const withinMs = WITHIN_MS[within];
  if (withinMs !== undefined) {
    const since = Math.floor((now - withinMs) / 60_000) * 60_000;
    query.set('since', new Date(since).toISOString());
  }
  if (cursor !== null) query.set('cursor', cursor);
  return `/v1/runs?${query}`;
}
