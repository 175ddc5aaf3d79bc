import type { Cadenza, StartOptions } from '../../src/client/cadenza.ts';
import { CadenzaError } from '../../src/client/errors.ts';
import { type CallError, invalidRequest, isPattern, PATTERNS, type RunEvent } from '../../src/contract/index.ts';

interface MemoryRun {
  id: string;
  pattern: string;
  input: unknown;
  options: StartOptions;
  events: RunEvent[];
  outcome?: { status: 'completed'; result: unknown } | { status: 'failed' | 'cancelled'; error: CallError };
}

/** Runs in memory, for the shape of HTTP alone: what was asked of the client, and what it answers. */
export function memoryClient() {
  const runs = new Map<string, MemoryRun>();
  const changes = new EventTarget();
  const state = { ready: true, eventsRead: 0, readersOpen: 0, broken: undefined as Error | undefined };

  const find = (id: string) => {
    if (state.broken) throw state.broken;
    const run = runs.get(id);
    if (run) return run;
    throw new CadenzaError('NotFound', { type: 'InvalidRequest', message: `There is no run "${id}".` });
  };
  const changed = (signal?: AbortSignal) =>
    new Promise<void>((resolve) => {
      changes.addEventListener('change', () => resolve(), { once: true });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  const info = (run: MemoryRun) => ({
    id: run.id,
    pattern: run.pattern,
    status: run.outcome?.status ?? ('running' as const),
    startedAt: new Date(0).toISOString(),
    models: [],
    costUsd: null,
  });

  async function* events(id: string, { after = 0, signal }: { after?: number; signal?: AbortSignal } = {}) {
    const run = find(id);
    state.readersOpen++;
    try {
      for (let next = after; !signal?.aborted; ) {
        const event = run.events[next];
        if (event) {
          next++;
          state.eventsRead++;
          yield event;
          if (event.type === 'run.completed') return;
        } else if (run.outcome) return;
        else await changed(signal);
      }
    } finally {
      state.readersOpen--;
      changes.dispatchEvent(new Event('change'));
    }
  }

  const client: Cadenza = {
    async start() {
      throw new Error('The gateway starts what comes from outside');
    },
    async startUnchecked(pattern, input, options = {}) {
      if (state.broken) throw state.broken;
      if (!isPattern(pattern)) {
        const message = `pattern: There is no pattern "${pattern}"`;
        throw new CadenzaError('InvalidRequest', { type: 'InvalidRequest', message, path: 'pattern' });
      }
      const checked = PATTERNS[pattern].input.safeParse(input);
      if (!checked.success) throw new CadenzaError('InvalidRequest', invalidRequest(checked.error));
      const id = options.id ?? `run-${runs.size + 1}`;
      const isNew = !runs.has(id);
      if (isNew) runs.set(id, { id, pattern, input, options, events: [] });
      return { id, pattern, isNew, result: async () => undefined as never, events: (more) => events(id, more) };
    },
    result: async (id) => find(id).outcome,
    outcome: async (id) => find(id).outcome ?? { status: 'running' },
    events,
    show: async (id) => info(find(id)),
    list: async (query) => ({
      runs: [...runs.values()].map(info).filter((run) => !query?.pattern || run.pattern === query.pattern),
      nextCursor: query?.limit === 1 ? 'next' : undefined,
    }),
    bill: async (id) => ({ totalUsd: 0, inputTokens: 0, outputTokens: 0, unpriced: 0, calls: [], id: find(id).id }),
    timeline: async (id) => ({ id: find(id).id, steps: [] }),
    async cancel(id) {
      find(id).outcome = { status: 'cancelled', error: { type: 'Cancelled', message: 'Cancelled.' } };
    },
    async ready() {
      if (!state.ready) throw new Error('connect ECONNREFUSED user:secret@10.0.0.7');
    },
    close: async () => {},
  };

  return {
    client,
    runs,
    state,
    /** Resolves when something about the runs or their readers has changed. */
    changed,
    emit(id: string, ...bodies: Record<string, unknown>[]) {
      const run = find(id);
      for (const body of bodies) {
        const place = { runId: id, seq: run.events.length + 1, at: new Date(0).toISOString() };
        run.events.push({ ...place, ...body } as RunEvent);
      }
      changes.dispatchEvent(new Event('change'));
    },
  };
}
