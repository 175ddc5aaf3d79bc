import { afterEach, describe, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../src/config/index.ts';
import { Policy } from '../../src/contract/index.ts';
import { BUILT_IN, TIERS } from '../../src/providers/defaults.ts';
import { ProviderError, priceOf, providerRegistry } from '../../src/providers/index.ts';
import { MODEL_IDS } from '../../src/providers/model-ids.ts';
import { type Peer, scriptedPeer } from './peer.ts';
import { failureOf } from './wires.ts';

const registry = (env: Record<string, string> = {}, config: ConfigInput = {}) => providerRegistry({ config, env });
const KEYS = { OPENAI_API_KEY: 'sk-1', ANTHROPIC_API_KEY: 'sk-2', GEMINI_API_KEY: 'sk-3' };
const PATH = 'input.policy.candidates[0]';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

async function listing(...ids: string[]): Promise<Peer> {
  peer = await scriptedPeer((_incoming, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ data: ids.map((id) => ({ id, object: 'model' })), has_more: false }));
  });
  return peer;
}

async function thrownBy(work: () => unknown) {
  const thrown = await failureOf(Promise.resolve().then(work));
  if (!(thrown instanceof ProviderError)) throw thrown;
  return thrown.error;
}

describe('the default policy', () => {
  test('asks the providers whose keys are set, in order', () => {
    const env = { ...KEYS, ANTHROPIC_API_KEY: '' };
    expect(registry(env).defaultPolicy().candidates).toEqual(['openai/gpt-6-sol', 'gemini/gemini-3.8-flash']);
    expect(registry(KEYS).resolvePolicy('fast').candidates).toHaveLength(3);
  });

  test('is the sandbox where no key is', () => {
    for (const name of [undefined, 'default', 'fast', 'strong']) {
      expect(registry().resolvePolicy(name).candidates).toEqual(['sandbox/gpt', 'sandbox/claude', 'sandbox/gemini']);
    }
  });

  test('names models that the SDKs know and whose price is known', () => {
    for (const [provider, models] of Object.entries(TIERS)) {
      for (const id of Object.values(models)) {
        expect(MODEL_IDS[provider as keyof typeof MODEL_IDS]).toContain(id);
        expect(priceOf(`${provider}/${id}`, { inputTokens: 1, outputTokens: 1 })).not.toBeNull();
      }
    }
  });
});

describe('names', () => {
  const config: ConfigInput = {
    aliases: { cheap: 'openai/gpt-6-luna', cheapest: 'cheap', loop: 'loop' },
    policies: {
      careful: { candidates: ['cheapest', 'anthropic/claude-opus-5-5'], maxAttempts: 5 },
      fast: { candidates: ['fast', 'ollama/llama3'] },
    },
    defaultPolicy: 'careful',
  };

  test('of policies and aliases become models', () => {
    const { resolvePolicy, names } = registry(KEYS, config);
    expect(resolvePolicy(undefined)).toEqual({
      candidates: ['openai/gpt-6-luna', 'anthropic/claude-opus-5-5'],
      maxAttempts: 5,
    });
    expect(resolvePolicy({ candidates: ['cheap', 'x/y', 'cheap'] }).candidates).toEqual(['openai/gpt-6-luna', 'x/y']);
    expect(resolvePolicy('openai/gpt-6-sol').candidates).toEqual(['openai/gpt-6-sol']);
    // A policy that takes a built-in name may still mean the built-in by it.
    expect(resolvePolicy('fast').candidates).toContain('gemini/gemini-3.5-flash-lite');
    expect(names()).toEqual(expect.arrayContaining(['default', 'fast', 'strong', 'careful', 'cheap']));
    expect(Policy.safeParse(resolvePolicy('careful')).success).toBe(true);
  });

  test('nobody knows are told with those there are, and where they stand', async () => {
    const { resolvePolicy } = registry(KEYS, config);
    const error = await thrownBy(() => resolvePolicy({ candidates: ['openai/gpt-6-sol', 'cheep'] }));
    expect(error).toMatchObject({ type: 'InvalidRequest', path: 'input.policy.candidates[1]' });
    expect(error.message).toMatch(/"cheep".*Known now: cheap, /);
    expect((await thrownBy(() => resolvePolicy('loop'))).type).toBe('InvalidRequest');
    expect((await thrownBy(() => resolvePolicy('constructor'))).type).toBe('InvalidRequest');
  });
});

describe('check', () => {
  test('knows the models of the types without asking anybody', async () => {
    const at = await listing('only-this');
    const { check } = registry({ ...KEYS, OPENAI_BASE_URL: at.url });
    expect(await check('openai/gpt-6-sol', PATH)).toBeUndefined();
    expect(await check('sandbox/gpt', PATH)).toBeUndefined();
    expect(await check('fast', PATH)).toBeUndefined();
    expect(at.sent).toEqual([]);
  });

  test('an unknown model is told with the nearest ones', async () => {
    const at = await listing('gpt-6-sol', 'my-own');
    const { check } = registry({ ...KEYS, OPENAI_BASE_URL: at.url });
    const error = await check('openai/gpt-7-sol', PATH);
    expect(error).toMatchObject({ type: 'InvalidRequest', path: PATH });
    expect(error!.message).toBe(
      'No model named "gpt-7-sol" at openai. Known now: gpt-6-sol, my-own (see cadenza doctor). In input.policy.candidates[0].',
    );
    expect(await check('openai/my-own', PATH)).toBeUndefined();
    expect(at.sent).toHaveLength(1);
  });

  test('an unknown model of the sandbox, and an unknown provider', async () => {
    const { check } = registry(
      {},
      { providers: { ollama: { kind: 'openai-compatible', baseUrl: 'http://localhost:1' } } },
    );
    expect((await check('sandbox/gtp', PATH))!.message).toMatch(/No model named "gtp" at sandbox. Known now: gpt, /);
    expect((await check('olama/llama3', PATH))!.message).toMatch(
      /No provider named "olama". Known now: ollama, .*sandbox/,
    );
    expect((await check('nobody', PATH))!.message).toContain('"nobody"');
  });

  test.each(Object.entries(BUILT_IN))('%s without a key names the variable', async (provider, { apiKeyEnv }) => {
    const { check, open } = registry({ OPENAI_BASE_URL: 'http://localhost:1' });
    const error = await check(`${provider}/x`, PATH);
    expect(error).toMatchObject({ type: 'AuthenticationFailed', path: PATH });
    expect(error!.message).toContain(apiKeyEnv);
    expect(await thrownBy(() => open(`${provider}/x`))).toMatchObject({ type: 'AuthenticationFailed' });
  });

  test('an endpoint that gives no list may offer any model; it is waited for 2 s, once', async () => {
    peer = await scriptedPeer(() => {});
    const { check } = registry({}, { providers: { slow: { kind: 'openai-compatible', baseUrl: peer.url } } });
    const began = performance.now();
    expect(await check('slow/anything', PATH)).toBeUndefined();
    expect(await check('slow/anything-else', PATH)).toBeUndefined();
    expect(performance.now() - began).toBeLessThan(3_000);
    expect(peer.sent).toHaveLength(1);
  });

  test('knows the models the config names, and variants of listed ones', async () => {
    const at = await listing('llama3:latest', 'qwen');
    const { check } = registry(
      {},
      { providers: { ollama: { kind: 'openai-compatible', baseUrl: at.url, models: ['mine'] } } },
    );
    for (const id of ['mine', 'llama3', 'qwen', 'qwen:free']) expect(await check(`ollama/${id}`, PATH)).toBeUndefined();
    expect((await check('ollama/llama4', PATH))!.message).toContain('llama3:latest');
  });
});

test('a local endpoint needs no key, and is asked as the config says', async () => {
  const at = await listing('llama3');
  const { open, known } = registry(
    { GROQ_KEY: 'secret-groq' },
    {
      providers: {
        ollama: { kind: 'openai-compatible', baseUrl: at.url },
        groq: { kind: 'openai-compatible', baseUrl: at.url, apiKeyEnv: 'GROQ_KEY' },
        locked: { kind: 'openai-compatible', baseUrl: at.url, apiKeyEnv: 'LOCKED_KEY' },
      },
    },
  );
  expect(await known()).toEqual(['ollama/llama3', 'groq/llama3', 'sandbox/gpt', 'sandbox/claude', 'sandbox/gemini']);
  expect(at.sent.map((sent) => sent.headers.authorization).sort()).toEqual(['Bearer no-key', 'Bearer secret-groq']);
  expect(open('ollama/llama3')).toBe(open('ollama/qwen'));
  expect((await thrownBy(() => open('locked/llama3'))).message).toContain('LOCKED_KEY');
  expect((await thrownBy(() => open('nowhere/llama3'))).message).toContain('ollama');
});
