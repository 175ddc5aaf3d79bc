import { findPhoneNumbersInText } from 'libphonenumber-js';
import type { PersonalDataKind } from '../../contract/index.ts';

/** Where personal data stands in a text. */
export interface Found {
  kind: PersonalDataKind;
  start: number;
  end: number;
}

type Country = NonNullable<Parameters<typeof findPhoneNumbersInText>[1]> & string;

/** Lengths of IBANs by country, after SWIFT's IBAN registry. */
const IBAN_LENGTHS = new Map(
  (
    'AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 ' +
    'FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 ' +
    'LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 ' +
    'RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30'
  )
    .split(' ')
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

// Every repetition is bounded and its beginning anchored, so that time grows with the text alone.
const EMAIL = /(?<![\p{L}\d_.%+-])[\p{L}\d_.%+-]{1,64}@(?:[\p{L}\d-]{1,63}\.){1,8}\p{L}{2,24}(?![\p{L}\d])/gu;
const CARD = /(?<![\d.,])(?<!\d[ -])[2-6]\d{3}(?:[ -]?\d){9,15}(?![ -]?\d)/g;
const IBAN_START = /(?<![A-Z0-9])[A-Z]{2}\d{2}(?= ?[A-Z0-9])/gi;

/** Finds personal data; where two kinds claim the same place, the one that a checksum proves has it. */
export function findPersonalData(text: string, kinds: PersonalDataKind[], country?: string): Found[] {
  const found: Found[] = [];
  const finders: Record<PersonalDataKind, () => [start: number, end: number][]> = {
    iban: () => ibans(text),
    card: () => matches(CARD, text).filter(([start, end]) => isCard(text.slice(start, end))),
    email: () => matches(EMAIL, text),
    phone: () => phones(text, country),
  };
  for (const kind of ['iban', 'card', 'email', 'phone'] as const) {
    if (!kinds.includes(kind)) continue;
    for (const [start, end] of finders[kind]()) {
      if (!found.some((other) => start < other.end && other.start < end)) found.push({ kind, start, end });
    }
  }
  return found.sort((a, b) => a.start - b.start);
}

/** Whether the number's check digit is right (Luhn, ISO/IEC 7812-1). */
export function isCard(text: string): boolean {
  const digits = [...text.replaceAll(/\D/g, '')].map(Number).reverse();
  if (digits.length < 13 || digits.length > 19) return false;
  const sum = digits.reduce((total, digit, index) => total + (index % 2 === 0 ? digit : doubled(digit)), 0);
  return sum % 10 === 0;
}

function doubled(digit: number): number {
  return digit > 4 ? 2 * digit - 9 : 2 * digit;
}

/** Whether the length is the country's and the checksum is right (ISO 13616, mod 97 of ISO 7064). */
export function isIban(text: string): boolean {
  const plain = text.replaceAll(' ', '').toUpperCase();
  if (IBAN_LENGTHS.get(plain.slice(0, 2)) !== plain.length || !/^[A-Z]{2}\d{2}[A-Z0-9]+$/.test(plain)) return false;
  const numbers = [...plain.slice(4), ...plain.slice(0, 4)].map((letter) => Number.parseInt(letter, 36)).join('');
  return [...numbers].reduce((rest, digit) => (rest * 10 + Number(digit)) % 97, 0) === 1;
}

/** The country says how long it is: what follows in capitals is not taken in. */
function ibans(text: string): [number, number][] {
  return matches(IBAN_START, text).flatMap(([start]): [number, number][] => {
    const length = IBAN_LENGTHS.get(text.slice(start, start + 2).toUpperCase());
    if (length === undefined) return [];
    let end = start;
    for (let taken = 0; taken < length && end < text.length; end += 1) {
      if (text[end] !== ' ') taken += 1;
    }
    const goesOn = /[A-Za-z0-9]/.test(text[end] ?? '');
    return !goesOn && isIban(text.slice(start, end)) ? [[start, end]] : [];
  });
}

function phones(text: string, country: string | undefined): [number, number][] {
  const found = findPhoneNumbersInText(text, country as Country | undefined);
  return found.map(({ startsAt, endsAt }) => [startsAt, endsAt]);
}

function matches(pattern: RegExp, text: string): [number, number][] {
  return [...text.matchAll(pattern)].map((match) => [match.index, match.index + match[0].length]);
}
