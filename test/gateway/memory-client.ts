import type { Cadenza } from '../../src/client/cadenza.ts';
import type { StartOptions } from '../../src/client/check-start.ts';
import { CadenzaError } from '../../src/client/errors.ts';
import { idOfKey } from '../../src/client/idempotency.ts';
import {
  type CallError,
  invalidRequest,
  isPattern,
  PATTERNS,
  type RunEvent,
  type Spend,
  SpendLine,
  SpendQuery,
} from '../../src/contract/index.ts';

interface MemoryRun {
  id: string;
  pattern: string;
  input: unknown;
  options: StartOptions;
  events: RunEvent[];
  messages: { id: string; text: string }[];
  outcome?: { status: 'completed'; result: unknown } | { status: 'failed' | 'cancelled'; error: CallError };
}

/** Runs in memory, for the shape of HTTP alone: what was asked of the client, and what it answers. */
export function memoryClient() {
  const runs = new Map<string, MemoryRun>();
  const budgets = new Map<string, number | null>();
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
      const id =
        options.id ?? (options.idempotencyKey === undefined ? `run-${runs.size + 1}` : idOfKey(options.idempotencyKey));
      const isNew = !runs.has(id);
      if (isNew) runs.set(id, { id, pattern, input, options, events: [], messages: [] });
      return { id, pattern, isNew, result: async () => undefined as never, events: (more) => events(id, more) };
    },
    result: async (id) => find(id).outcome,
    outcome: async (id) => find(id).outcome ?? { status: 'running' },
    events,
    async follow(id, options) {
      const { status } = info(find(id));
      async function* pages() {
        for await (const event of events(id, options)) yield [event];
      }
      return { status, pages: pages() };
    },
    async steer(id, text, options = {}) {
      find(id).messages.push({ id: options.id ?? `message-${find(id).messages.length + 1}`, text });
      return { id, taken: true };
    },
    stop: async (id) => void find(id),
    votes: async (id) => ({ votes: find(id) && {} }),
    vote: async (id, best) => ({ votes: find(id) && best ? { [best]: 1 } : {}, yours: best ?? undefined }),
    toolResult: async (id) => ({ id: find(id).id, taken: true }),
    show: async (id) => info(find(id)),
    list: async (query) => ({
      runs: [...runs.values()].map(info).filter((run) => !query?.pattern || run.pattern === query.pattern),
      nextCursor: query?.limit === 1 ? 'next' : undefined,
    }),
    input: async (id) => ({ id, pattern: find(id).pattern, input: find(id).input }),
    async spend(query) {
      const { by, timeZone } = SpendQuery.parse(query);
      const total = SpendLine.omit({ day: true, model: true, tenant: true, key: true, pattern: true });
      const none = Object.fromEntries(Object.keys(total.shape).map((name) => [name, 0])) as Spend['total'];
      return { from: query?.from ?? '2026-01-01', to: '2026-01-30', timeZone, by, total: none, lines: [] };
    },
    bill: async (id) => ({ totalUsd: 0, inputTokens: 0, outputTokens: 0, unpriced: 0, calls: [], id: find(id).id }),
    timeline: async (id) => ({ id: find(id).id, steps: [] }),
    async cancel(id) {
      find(id).outcome = { status: 'cancelled', error: { type: 'Cancelled', message: 'Cancelled.' } };
    },
    send: async (id, text, options) => (await client.say(id, text, options)).answer(),
    fork: (async (id, { fromStep, dryRun, id: given }) => {
      const { pattern, input } = find(id);
      if (fromStep === 'unknown') {
        const message = `The run ${id} has no step "${fromStep}"`;
        throw new CadenzaError('InvalidRequest', { type: 'InvalidRequest', message, path: 'fromStep' });
      }
      if (dryRun) return { estimateUsd: 0.02, lowUsd: 0.01, highUsd: 0.04, steps: [] };
      return client.startUnchecked(pattern, input, { id: given ?? `${id}-fork-1` });
    }) as Cadenza['fork'],
    async say(id, text, options = {}) {
      const run = find(id);
      if (run.outcome)
        throw new CadenzaError('Conflict', { type: 'Cancelled', message: `"${id}" has ended`, path: 'id' });
      const sent = { id: options.id ?? `message-${run.messages.length + 1}`, text };
      run.messages.push(sent);
      const answer = {
        ...{ text: `answer to: ${text}`, model: 'sandbox/gpt', usage: { inputTokens: 1, outputTokens: 2 } },
        ...{ costUsd: 0, finishReason: 'stop' as const },
      };
      return { id: sent.id, after: run.events.length, answer: async () => answer, events: () => events(id) };
    },
    async end(id) {
      find(id).outcome = { status: 'completed', result: { turns: find(id).messages.length } };
    },
    approvals: async () => [],
    async approve(id, approval) {
      throw new CadenzaError('NotFound', { type: 'InvalidRequest', message: `${find(id).id} asks for no ${approval}` });
    },
    async upload() {
      throw new Error('No data is kept in memory');
    },
    items: async () => ({ items: [] }),
    async *output() {},
    async mapOf(id) {
      throw new CadenzaError('NotFound', { type: 'InvalidRequest', message: `${find(id).id} is no map` });
    },
    models: {
      list: async () => [{ id: 'sandbox/gpt', kind: 'model', ownedBy: 'sandbox' }],
      find: (name) => ({ policy: name, checksAnswers: false }),
      checksAnswers: () => false,
      findEmbeddings: (name) => name,
    },
    votedRuns: async () => [],
    baselines: {} as Cadenza['baselines'],
    schedules: {} as Cadenza['schedules'],
    budgets: {
      list: () => Promise.all([...budgets.keys()].map((account) => client.budgets.show(account))),
      show: async (account) => ({ account, budgetUsd: budgets.get(account) ?? null, spentUsd: 0, reservedUsd: 0 }),
      async set(account, usd) {
        budgets.set(account, usd);
        return client.budgets.show(account);
      },
    },
    keys: { verify: async () => undefined, admit: async () => 0, any: async () => false } as unknown as Cadenza['keys'],
    audit: async () => ({ entries: [] }),
    decodePayloads: async (payloads) => payloads,
    as: () => client,
    openWork: async () => ({ runs: {}, approvals: 0, waiting: [], circuits: [], limits: [] }),
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
