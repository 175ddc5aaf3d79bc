import { describe, expect, test } from '@jest/globals';
import { checkGuardrails } from '../../src/activities/guardrails/index.ts';
import { findPersonalData } from '../../src/activities/guardrails/personal-data.ts';
import { Guardrails, GuardrailVerdict, Policy, type TextCheck } from '../../src/contract/index.ts';
import { redacted, redactedReply } from '../../src/workflows/steps/redactions.ts';
import { cpuMs } from '../setup/cpu-time.ts';

async function said(check: TextCheck, text: string) {
  const [findings] = await checkGuardrails([check], [text]);
  return findings!.map(({ passed, reason }) => ({ passed, reason }));
}

describe('a pattern', () => {
  test.each([
    ['deny', 'pass(word|phrase)', 'my Password is x', false],
    ['deny', 'pass(word|phrase)', 'nothing of the kind', true],
    ['require', '\\bsources?:', 'Yes. Sources: none', true],
    ['require', '\\bsources?:', 'Yes.', false],
  ] as const)('%s %s: %s', async (rule, pattern, text, passed) => {
    expect((await said({ check: 'pattern', rule, pattern }, text))[0]!.passed).toBe(passed);
  });

  test('that is hard for backtracking takes time by length alone', async () => {
    const spent = await cpuMs(async () => {
      const [finding] = await said({ check: 'pattern', rule: 'deny', pattern: '^(a+)+$' }, `${'a'.repeat(20_000)}!`);
      expect(finding!.passed).toBe(true);
    });
    expect(spent).toBeLessThan(2_000);
  });
});

describe('a length', () => {
  test.each([
    [{ minCharacters: 5 }, 'four', false],
    [{ minCharacters: 4 }, 'four', true],
    [{ maxCharacters: 3 }, 'four', false],
    [{ maxCharacters: 4 }, 'four', true],
    [{ maxTokens: 5 }, 'one two three four five six seven eight', false],
    [{ maxTokens: 8 }, 'one two three four five six seven eight', true],
    [{ minTokens: 3 }, 'one', false],
  ])('%p of "%s"', async (limits, text, passed) => {
    expect((await said({ check: 'length', ...limits }, text))[0]!.passed).toBe(passed);
  });
});

describe('a schema', () => {
  const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
  test.each([
    ['{"n": 1}', true],
    ['```json\n{"n": 1}\n```', true],
    ['{"n": "one"}', false],
    ['not JSON', false],
    ['', false],
  ])('of %p', async (text, passed) => {
    expect((await said({ check: 'schema', schema }, text))[0]!.passed).toBe(passed);
  });
});

describe('personal data', () => {
  const ALL = ['email', 'phone', 'card', 'iban'] as const;
  test.each([
    ['write to ada.l+x@mail.example.co.uk.', [['email', 'ada.l+x@mail.example.co.uk']]],
    ['write to jörg@müller.example', [['email', 'jörg@müller.example']]],
    ['use x@y or @home', []],
    ['pay with 4111 1111 1111 1111 today', [['card', '4111 1111 1111 1111']]],
    ['pay with 4111-1111-1111-1112 today', []],
    ['Amex 378282246310005', [['card', '378282246310005']]],
    ['number 12345678901234567890123', []],
    ['to DE89 3704 0044 0532 0130 00 AND SOON', [['iban', 'DE89 3704 0044 0532 0130 00']]],
    ['to GB82WEST12345698765432', [['iban', 'GB82WEST12345698765432']]],
    ['to DE89 3704 0044 0532 0130 01', []],
    ['to DE89 3704 0044 0532 0130', []],
    [
      'call +49 30 901820 or +1 (415) 555-2671',
      [
        ['phone', '+49 30 901820'],
        ['phone', '+1 (415) 555-2671'],
      ],
    ],
    ['on 2026-11-23 at 10:00, 192.168.100.200, 3.14159265358979', []],
  ] as [string, [string, string][]][])('in "%s"', (text, expected) => {
    const found = findPersonalData(text, [...ALL]).map(({ kind, start, end }) => [kind, text.slice(start, end)]);
    expect(found).toEqual(expected);
  });

  test('a phone number without its country is found where the country is given', () => {
    const text = 'call 030 901820';
    expect(findPersonalData(text, ['phone'])).toEqual([]);
    expect(findPersonalData(text, ['phone'], 'DE')).toEqual([{ kind: 'phone', start: 5, end: 15 }]);
  });

  test('each kind brings its own action, and no reason repeats what was found', async () => {
    const [findings] = await checkGuardrails(
      [{ check: 'personalData', kinds: { email: 'redact', card: 'refuse' } }],
      ['a@b.example and c@d.example', 'card 4111111111111111, +49 30 901820'],
    );
    expect(findings).toEqual([
      expect.objectContaining({ passed: false, action: 'redact', reason: 'It holds 2 e-mail addresses' }),
      expect.objectContaining({ passed: false, action: 'refuse', reason: 'It holds a card number' }),
    ]);
  });

  test('a long text takes little time', async () => {
    const spent = await cpuMs(() => {
      findPersonalData('a1 b@c 4111 +4 DE89 '.repeat(5_000), [...ALL]);
      findPersonalData('a.'.repeat(50_000), [...ALL]);
      findPersonalData('1 '.repeat(50_000), [...ALL]);
    });
    expect(spent).toBeLessThan(5_000);
  });
});

test.each([
  [{ allowed: true }, true],
  [{ allowed: false, reason: 'rude' }, true],
  [{ reason: 'nothing said' }, false],
  ['yes', false],
])('a judge or an activity says %p', (verdict, understood) => {
  expect(GuardrailVerdict.safeParse(verdict).success).toBe(understood);
});

test('places that overlap are replaced once', () => {
  const place = (start: number, end: number, by: string) => ({ text: 0, start, end, by });
  expect(redacted(['abcdefgh', 'kept'], [place(4, 7, '[y]'), place(1, 5, '[x]'), place(2, 3, '[z]')])).toEqual([
    'a[x]h',
    'kept',
  ]);
});

test('an object is redacted in its values, numbers too', () => {
  const object = { to: ['mail a@b.example'], card: 4111111111111111, n: 7 };
  const said = JSON.stringify(object);
  const at = (value: string, by: string) => ({
    text: 0,
    start: said.indexOf(value),
    end: said.indexOf(value) + value.length,
    by,
  });
  const reply = {
    text: said,
    object,
    model: 'openai/x',
    usage: { inputTokens: 1, outputTokens: 1 },
    costUsd: 0,
    finishReason: 'stop',
  } as const;
  const clean = redactedReply(reply, [at('a@b.example', '[email]'), at('4111111111111111', '[card]')])!;
  expect(clean.object).toEqual({ to: ['mail [email]'], card: '[card]', n: 7 });
  expect(JSON.parse(clean.text)).toEqual(clean.object);
  expect(redactedReply(reply, [at('"to"', '[key]')])).toBeUndefined();
});

test.each([
  [{ before: [{ check: 'length' }] }, 'before.0', 'at least one of'],
  [{ before: [{ check: 'length', maxTokens: 1, onFailure: 'repair' }] }, 'before.0.onFailure', 'Only an answer'],
  [{ before: [{ check: 'length', maxTokens: 1, onFailure: 'next' }] }, 'before.0.only', 'name the ones'],
  [{ before: [{ check: 'schema', schema: {} }] }, 'before.0.check', 'after the answer'],
  [{ after: [{ check: 'length', maxTokens: 1, onFailure: 'redact' }] }, 'after.0.onFailure', 'can be redacted'],
  [{ after: [{ check: 'pattern', rule: 'deny', pattern: '(' }] }, 'after.0.pattern', ''],
  [{ after: [{ check: 'personalData', kinds: { passport: 'redact' } }] }, 'after.0.kinds', ''],
])('a guardrail that cannot work is refused with its place: %j', (guardrails, path, message) => {
  const { error } = Guardrails.safeParse(guardrails);
  expect(error!.issues[0]!.path.join('.')).toContain(path);
  expect(error!.issues[0]!.message).toContain(message);
  expect(Policy.safeParse({ candidates: ['openai/x'], guardrails }).success).toBe(false);
});
