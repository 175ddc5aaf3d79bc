import { defineCadenza } from '../../../src/config/index.ts';

const price = { inputPerMillion: 1, outputPerMillion: 10 };

/** What the page is tried with: three models of one provider, which the test plays. */
export default defineCadenza({
  providers: {
    peer: {
      kind: 'openai-compatible',
      baseUrl: process.env.PEER_URL ?? 'http://127.0.0.1:1',
      models: ['one', 'two', 'three'],
    },
  },
  policies: { default: { candidates: ['peer/one'] } },
  prices: { 'peer/one': price, 'peer/two': price, 'peer/three': price },
});
