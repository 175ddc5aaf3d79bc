import { expect, test } from '@jest/globals';
import { priceOf, worstCase } from '../../src/providers/index.ts';
import { estimateTokens, IMAGE_TOKENS } from '../../src/providers/tokens.ts';
import { cpuMs } from '../setup/cpu-time.ts';
import { ask } from './wires.ts';

const MILLION = 1_000_000;

test('cached input is counted once, at its own price', () => {
  // Claude Sonnet 5: 2 USD in, 0.20 read from the cache, 2.50 written to it, 10 out, per million.
  const usage = { inputTokens: MILLION, cachedInputTokens: 400_000, cacheWriteTokens: 100_000, outputTokens: 100_000 };
  expect(priceOf('anthropic/claude-sonnet-5', usage)).toBeCloseTo(0.5 * 2 + 0.4 * 0.2 + 0.1 * 2.5 + 0.1 * 10, 6);
});

test('Gemini’s models are found under Google’s name', () => {
  expect(priceOf('gemini/gemini-3.8-flash', { inputTokens: MILLION, outputTokens: 0 })).toBeGreaterThan(0);
});

test('a price nobody knows is null, not 0', () => {
  const usage = { inputTokens: 10, outputTokens: 10 };
  for (const model of ['openai/gpt-99', 'ollama/llama3', 'my-openai/gpt-4o']) {
    expect(priceOf(model, usage)).toBeNull();
    expect(worstCase(model, ask('Hello'))).toBeNull();
  }
});

test('the config’s price goes before the list’s', () => {
  const prices = { 'ollama/llama3': { inputPerMillion: 1, outputPerMillion: 2, cachedInputPerMillion: 0.5 } };
  const usage = { inputTokens: MILLION, cachedInputTokens: 200_000, outputTokens: MILLION };
  expect(priceOf('ollama/llama3', usage, prices)).toBeCloseTo(0.8 + 0.1 + 2, 6);
});

test('the sandbox has pretend prices, so that bills can be seen', () => {
  expect(priceOf('sandbox/gpt', { inputTokens: MILLION, outputTokens: MILLION })).toBeCloseTo(0.6, 6);
});

test('more cached tokens than sent are no error', () => {
  expect(priceOf('openai/gpt-4o', { inputTokens: 10, cachedInputTokens: 50, outputTokens: 1 })).toBeGreaterThan(0);
});

test('the worst case is more than the call can cost', () => {
  const request = ask('Why is the sky blue? '.repeat(200), { maxOutputTokens: 1_000 });
  const reserved = worstCase('openai/gpt-4o', request)!;
  const spent = priceOf('openai/gpt-4o', { inputTokens: 1_200, outputTokens: 1_000 })!;
  expect(reserved).toBeGreaterThan(spent);
  expect(reserved).toBeLessThan(spent * 2);
  const image = { type: 'image' as const, url: 'https://example.com/a.png' };
  const seen = worstCase('openai/gpt-4o', { messages: [{ role: 'user', content: [image] }], maxOutputTokens: 1 })!;
  expect(seen).toBeGreaterThan(priceOf('openai/gpt-4o', { inputTokens: IMAGE_TOKENS, outputTokens: 1 })!);
});

test('huge texts are sampled: they hold nobody up, and come near the truth', async () => {
  const text = 'The quick brown fox jumps over the lazy dog. '.repeat(25_000);
  const tokens = estimateTokens(text);
  expect(tokens / 250_000).toBeGreaterThan(0.95);
  expect(tokens / 250_000).toBeLessThan(1.1);
  // Encoded whole, a run without spaces takes the better part of a minute.
  expect(await cpuMs(() => estimateTokens('a'.repeat(MILLION)))).toBeLessThan(10_000);
  expect(estimateTokens('<|endoftext|>')).toBeGreaterThan(0);
  expect(estimateTokens('')).toBe(0);
});
