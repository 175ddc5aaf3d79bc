import { expect, test } from '@jest/globals';
import { cadenza } from './command-line.ts';

const KEY = 'sk-test-0123456789abcdef';

test('the doctor ends with 1 where nothing runs: one line a check, with what mends it', async () => {
  const { code, stdout } = await cadenza(['doctor']);
  expect(code).toBe(1);
  const lines = stdout.trimEnd().split('\n');
  expect(lines.find((line) => line.includes('node:'))).toMatch(/^✓ node: Node v2\d/);
  expect(lines.find((line) => line.includes('temporal:'))).toMatch(/^✗ temporal: .*Mend it: npm start$/);
  expect(lines.find((line) => line.includes('postgresql:'))).toMatch(/^✗ postgresql: .*Mend it: npm start$/);
  expect(lines.find((line) => line.includes('providers:'))).toMatch(/^! providers: .*OPENAI_API_KEY/);
  for (const line of lines) expect(line).toMatch(/^[✓✗!] [\w ]+: /);
});

test('with --json each finding is a line of its own', async () => {
  const { code, stdout } = await cadenza(['doctor', '--json']);
  expect(code).toBe(1);
  const findings = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { check: string; state: string });
  expect(findings).toEqual(
    expect.arrayContaining([
      { check: 'node', state: 'ok', detail: expect.any(String) },
      { check: 'temporal', state: 'broken', detail: expect.any(String), mend: 'npm start' },
    ]),
  );
});

test('servers that do not answer and keys that do not work are told by name; no key and no password is', async () => {
  const { code, stdout, stderr } = await cadenza(['doctor'], {
    env: {
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      CADENZA_DATABASE_URL: 'postgres://cadenza:hunter2-hunter2@127.0.0.1:1/cadenza',
      OPENAI_API_KEY: KEY,
      OPENAI_BASE_URL: 'http://127.0.0.1:1',
    },
  });
  expect(code).toBe(1);
  expect(stdout).toContain('✗ temporal: No answer at 127.0.0.1:1');
  expect(stdout).toContain('✗ postgresql: No answer');
  expect(stdout).toMatch(/✗ provider openai: .*OPENAI_API_KEY/);
  expect(stdout + stderr).not.toContain(KEY);
  expect(stdout + stderr).not.toContain('hunter2');
});
