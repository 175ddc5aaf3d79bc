import { defineCadenza } from '../../src/config/index.ts';

/** What the workers and gateways of this bench know. */
export default defineCadenza({
  providers: {
    bench: {
      kind: 'openai-compatible',
      baseUrl: process.env.BENCH_PROVIDER_URL ?? 'http://127.0.0.1:1',
      models: ['m'],
    },
  },
  policies: { default: { candidates: ['bench/m'], cache: false } },
  prices: { 'bench/m': { inputPerMillion: 1, outputPerMillion: 4 } },
});
