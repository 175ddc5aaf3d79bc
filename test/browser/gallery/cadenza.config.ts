import { z } from 'zod';
import { defineCadenza } from '../../../src/config/index.ts';
import { defineTool } from '../../../src/tools/index.ts';

const price = (inputPerMillion: number, outputPerMillion: number) => ({ inputPerMillion, outputPerMillion });

/** What the pictures of the docs show: models that nobody takes for real ones. */
export default defineCadenza({
  providers: {
    demo: {
      kind: 'openai-compatible',
      baseUrl: process.env.PEER_URL ?? 'http://127.0.0.1:1',
      models: ['alto', 'tenor', 'bass'],
    },
  },
  policies: { default: { candidates: ['demo/alto'] } },
  budgets: { tenants: { shop: 25, press: 4, research: 60 } },
  tools: [
    defineTool({
      name: 'timetable',
      description: 'Trains between two cities.',
      input: z.object({ from: z.string(), to: z.string() }),
      replay: 'safe',
      run: ({ from, to }) => `${from} 9:12, ${to} 13:40`,
    }),
    defineTool({
      name: 'book_train',
      description: 'Books seats on a train.',
      input: z.object({ from: z.string(), to: z.string(), seats: z.number().int() }),
      approval: 'always',
      run: (args) => args,
    }),
  ],
  prices: { 'demo/alto': price(2, 12), 'demo/tenor': price(0.5, 3), 'demo/bass': price(1, 6) },
});
