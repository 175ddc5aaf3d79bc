/** How answers are made comparable: by the value of a JSON field (`answer`, `result.total`), or by a function of the text. */
export interface Normalisation {
  /** path into the answer's object, or into its text read as JSON */
  field?: string;
  /** replaces the rules of `normalised` */
  normalise?: (text: string) => string;
}

/**
 * A text without what does not change an answer: case, white space, punctuation, Markdown marks, currency signs, and how
 * a number is written (`1,000.0` is `1000`; a comma groups, a point separates). `%`, `#`, and the sign of a number stay.
 */
export function normalised(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .split(NUMBER)
    .map((part, index) => (index % 2 === 1 ? plainNumber(part) : plainWords(part)))
    .join('')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?<=\d) (?=%)/g, '')
    .trim();
}

/** A number, by itself or grouped in thousands; a sign counts where no word or number stands before it. */
const NUMBER = /((?:(?<![\p{L}\p{N}.,)])[-−+])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?)/u;

function plainNumber(text: string): string {
  const [whole = '', fraction = ''] = text.replaceAll(',', '').replace('−', '-').replace('+', '').split('.');
  const digits = whole.replace(/^(-?)0+(?=\d)/, '$1');
  const rest = fraction.replace(/0+$/, '');
  const value = rest === '' ? digits : `${digits}.${rest}`;
  return value === '-0' ? '0' : value;
}

function plainWords(text: string): string {
  return text.replaceAll(/['’.]/g, '').replaceAll(/[`\p{Sc}]|(?![%#])\p{P}/gu, ' ');
}

/** What an answer votes for. @returns undefined where the field is not there */
export function voteOf(
  answer: { text: string; object?: unknown },
  { field, normalise }: Normalisation,
): string | undefined {
  const text = field === undefined ? answer.text : fieldOf(answer.object ?? parsed(answer.text), field);
  return text === undefined ? undefined : (normalise ?? normalised)(text);
}

function fieldOf(value: unknown, path: string): string | undefined {
  const found = path
    .split('.')
    .reduce<unknown>((at, key) => (at as Record<string, unknown> | null | undefined)?.[key], value);
  if (found === undefined || found === null) return undefined;
  return typeof found === 'object' ? JSON.stringify(found) : String(found);
}

/** JSON, also inside a fence. */
function parsed(text: string): unknown {
  const body = /```(?:json)?\s*([\s\S]*?)```/.exec(text)?.[1] ?? text;
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
