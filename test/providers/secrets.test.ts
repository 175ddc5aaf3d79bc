import { describe, expect, test } from '@jest/globals';
import { redact, secretsOf, streamRedactor } from '../../src/providers/index.ts';

test('secrets are the values of variables named so, the API keys and the password of the database', () => {
  const env = {
    OPENAI_API_KEY: 'sk-openai-1',
    SOME_TOKEN: 'token-123456',
    A_SECRET: 'short',
    CADENZA_API_KEYS: 'first-key-1, second-key-2',
    CADENZA_DATABASE_URL: 'postgres://user:p%40ssword-9@host/db',
    CADENZA_PORT: '4100-not-a-secret',
  };
  expect(secretsOf(env).sort()).toEqual(
    ['sk-openai-1', 'token-123456', 'first-key-1', 'second-key-2', 'p%40ssword-9', 'p@ssword-9'].sort(),
  );
  expect(secretsOf({ CADENZA_DATABASE_URL: 'not an address' })).toEqual([]);
});

test('a password that is a word leaves the prompts that name it as they are', () => {
  const env = {
    POSTGRES_PASSWORD: 'postgres',
    DATABASE_URL: 'postgres://postgres:production@host/db',
    DEPLOY_SECRET: 'Password-Manager',
    MAX_OUTPUT_TOKENS: '100000000',
    SSH_KEY: '/home/someone/.ssh/id_ed25519',
    TOKEN_URL: 'https://auth.example.com/token',
  };
  expect(secretsOf(env)).toEqual([]);
  expect(redact('Explain postgres in production', secretsOf(env))).toBe('Explain postgres in production');
});

test('secrets are known by the usual names, and by the names the config reads keys from', () => {
  const pem = `-----BEGIN PRIVATE KEY-----\n${'Ab1'.repeat(20)}\n-----END PRIVATE KEY-----`;
  const env = {
    SIGNING_KEY: pem,
    GITHUB_TOKEN_RO: 'ghp_0123456789',
    DB_PASSWORD: 'Pr0duct10n',
    PASSPHRASE_SECRET: 'correct-horse-battery-staple',
    REDIS_URL: 'redis://:hunter2hunter2@cache:6379',
    MY_MODEL_HOST: 'ab12-cd34-ef56',
    PLAIN: 'ab12-cd34-ef57',
  };
  const secrets = secretsOf(env, ['MY_MODEL_HOST']);
  for (const value of [...Object.values(env).slice(1, 4), 'hunter2hunter2', 'ab12-cd34-ef56', 'Ab1'.repeat(20)])
    expect(secrets).toContain(value);
  expect(secrets).not.toContain('ab12-cd34-ef57');
});

test('what two overlapping secrets cover goes, all of it', () => {
  expect(redact('x abcdefgh y', ['abcdef', 'defgh'])).toBe('x [redacted] y');
  expect(redact('abcabc', ['abc'])).toBe('[redacted][redacted]');
});

/** A repeatable source of numbers from 0 to 1 (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('a text that comes in pieces', () => {
  // Few letters, so that secrets often begin without ending, overlap, and hold themselves.
  test('gives what the whole text gives, however it is cut', () => {
    const next = numbers(1);
    const word = (most: number) =>
      Array.from({ length: 1 + Math.floor(next() * most) }, () => 'ab'[Math.floor(next() * 2)]).join('');
    for (let round = 0; round < 5_000; round++) {
      const secrets = Array.from({ length: 1 + Math.floor(next() * 3) }, () => word(6));
      const text = word(40);
      const redactor = streamRedactor(secrets);
      let told = '';
      for (let at = 0; at < text.length; ) {
        const length = 1 + Math.floor(next() * 5);
        told += redactor.push(text.slice(at, at + length));
        at += length;
      }
      told += redactor.flush();
      // Asserted only where it fails: 5,000 assertions take longer than what they check.
      if (told !== redact(text, secrets)) expect({ secrets, text, told }).toEqual({ told: redact(text, secrets) });
    }
  });

  test('never tells a secret, and holds back no more than may become one', () => {
    const next = numbers(2);
    const secret = 'sk-live-0123456789abcdef';
    for (let round = 0; round < 2_000; round++) {
      const text = `before ${secret} between ${secret.slice(0, 1 + Math.floor(next() * secret.length))} after`;
      const redactor = streamRedactor([secret]);
      let told = '';
      let given = 0;
      while (given < text.length) {
        const length = 1 + Math.floor(next() * 9);
        told += redactor.push(text.slice(given, given + length));
        given = Math.min(text.length, given + length);
        expect(told).not.toContain(secret);
      }
      expect(told + redactor.flush()).not.toContain(secret);
    }
    const plain = streamRedactor([secret]);
    expect(plain.push('Nothing to hide.')).toBe('Nothing to hide.');
    expect(plain.push('He asks')).toBe('He ask');
    expect(plain.push(' me')).toBe('s me');
  });
});
