import { z } from 'zod';
import { defineCadenza } from '../../../src/config/index.ts';
import { defineTool } from '../../../src/tools/index.ts';

const SERVER = process.env.TOOL_SERVER ?? 'http://127.0.0.1:1';
const reach = { hosts: ['127.0.0.1'], methods: ['GET' as const, 'POST' as const] };

/** What the worker of the crash tests may use: each tool asks a server of the test, which counts. */
export default defineCadenza({
  toolSettings: { privateHosts: ['127.0.0.1'] },
  tools: [
    defineTool({
      name: 'look_up',
      description: 'Looks something up.',
      input: z.object({ what: z.string() }),
      replay: 'safe',
      reach,
      run: async ({ what }, { fetch }) => (await fetch(`${SERVER}/look_up?what=${encodeURIComponent(what)}`)).text(),
    }),
    defineTool({
      name: 'pay',
      description: 'Pays somebody, once.',
      input: z.object({ what: z.string() }),
      reach,
      run: async ({ what }, { fetch }) =>
        (await fetch(`${SERVER}/pay?what=${encodeURIComponent(what)}`, { method: 'POST' })).text(),
    }),
  ],
});
