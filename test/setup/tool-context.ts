import type { RunFile, ToolContext } from '../../src/tools/index.ts';
import { testLog } from './test-log.ts';

/** What a tool is given, without a run: files in memory, and `fetch` without the guard. */
export function toolContext(given: Partial<ToolContext> = {}): ToolContext & { kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  const listed = new Map<string, RunFile>();
  return {
    signal: new AbortController().signal,
    run: { id: 'run', tenant: 'default', chain: 'chain', pattern: 'agent' } as unknown as ToolContext['run'],
    step: 'agent',
    idempotencyKey: 'one-call',
    fetch: (url, init) => fetch(url, init),
    documents: { search: async () => [] },
    files: {
      list: async () => [...listed.values()],
      read: async (name) => kept.get(name),
      async write(name, content, mediaType = 'text/plain') {
        const bytes = typeof content === 'string' ? Buffer.from(content) : content;
        const file = { name, size: bytes.length, mediaType };
        kept.set(name, bytes);
        listed.set(name, file);
        return file;
      },
    },
    call: async (tool) => {
      throw new Error(`${tool} is not here`);
    },
    log: testLog().log,
    env: {},
    ...given,
    kept,
  };
}
