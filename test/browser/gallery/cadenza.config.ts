import { defineCadenza } from '../../../src/config/index.ts';

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
  prices: { 'demo/alto': price(2, 12), 'demo/tenor': price(0.5, 3), 'demo/bass': price(1, 6) },
});
