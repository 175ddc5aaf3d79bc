import {
  actionOf,
  type GuardrailFinding,
  kindActions,
  type PersonalDataKind,
  type Redaction,
  type TextCheck,
} from '../../contract/index.ts';
import { checkOutput } from '../check-output.ts';
import { findPersonalData } from './personal-data.ts';

/** What a check needs besides the text. */
export interface TextSenses {
  /** places at which the pattern matches */
  matches(pattern: string, text: string): [start: number, end: number][];
  /** estimated */
  tokens(text: string): number;
}

type Check<Kind extends TextCheck['check']> = Extract<TextCheck, { check: Kind }>;

const NAMES: Record<PersonalDataKind, [one: string, many: string]> = {
  email: ['an e-mail address', 'e-mail addresses'],
  phone: ['a phone number', 'phone numbers'],
  card: ['a card number', 'card numbers'],
  iban: ['an IBAN', 'IBANs'],
};

/** Says whether texts are as a check wants them. A reason never repeats what was found. */
export function checkTexts(check: TextCheck, texts: string[], senses: TextSenses): GuardrailFinding[] {
  switch (check.check) {
    case 'pattern':
      return [checkPattern(check, texts, senses)];
    case 'length':
      return [checkLength(check, texts.join('\n'), senses)];
    case 'schema': {
      const checked = checkOutput(texts.join('\n'), check.schema);
      return 'invalid' in checked
        ? [{ passed: false, action: actionOf(check), reason: checked.invalid }]
        : [{ passed: true, reason: 'It matches the schema' }];
    }
    case 'personalData':
      return checkPersonalData(check, texts);
  }
}

function checkPattern(check: Check<'pattern'>, texts: string[], { matches }: TextSenses): GuardrailFinding {
  const { rule, pattern } = check;
  const places = texts.flatMap((text, index) =>
    matches(pattern, text).map(([start, end]): Redaction => ({ text: index, start, end, by: '[removed]' })),
  );
  const found = places.length > 0;
  const reason = `It ${found ? 'matches' : 'does not match'} ${pattern}`;
  if (found === (rule === 'require')) return { passed: true, reason };
  return { passed: false, reason, action: actionOf(check), ...(found ? { redactions: places } : {}) };
}

function checkLength(check: Check<'length'>, text: string, senses: TextSenses): GuardrailFinding {
  const { minCharacters = 0, maxCharacters = Infinity, minTokens = 0, maxTokens = Infinity } = check;
  const { length } = text;
  const tokens = minTokens > 0 || maxTokens < Infinity ? senses.tokens(text) : 0;
  const wrong = [
    length < minCharacters && `It has ${length} characters, and needs at least ${minCharacters}`,
    length > maxCharacters && `It has ${length} characters, and may have at most ${maxCharacters}`,
    tokens < minTokens && `It has about ${tokens} tokens, and needs at least ${minTokens}`,
    tokens > maxTokens && `It has about ${tokens} tokens, and may have at most ${maxTokens}`,
  ].find((reason) => reason !== false);
  if (wrong !== undefined) return { passed: false, reason: wrong, action: actionOf(check) };
  return { passed: true, reason: `It has ${length} characters` };
}

function checkPersonalData(check: Check<'personalData'>, texts: string[]): GuardrailFinding[] {
  const actions = kindActions(check);
  const kinds = actions.map(([kind]) => kind);
  const places = texts.flatMap((text, index) =>
    findPersonalData(text, kinds, check.country).map(({ kind, start, end }) => ({ kind, text: index, start, end })),
  );
  const findings = actions.flatMap(([kind, action]): GuardrailFinding[] => {
    const ofKind = places.filter((place) => place.kind === kind);
    if (ofKind.length === 0) return [];
    const [one, many] = NAMES[kind];
    const redactions = ofKind.map(({ text, start, end }): Redaction => ({ text, start, end, by: `[${kind}]` }));
    const reason = `It holds ${ofKind.length === 1 ? one : `${ofKind.length} ${many}`}`;
    return [{ passed: false, reason, action, redactions }];
  });
  return findings.length > 0 ? findings : [{ passed: true, reason: `It holds no ${kinds.join(', ')}` }];
}
