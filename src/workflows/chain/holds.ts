import { asText, type Condition, fillIn } from '../../contract/index.ts';
import { lookUpIn, type Scope } from './scope.ts';

/** True if a condition holds for what the chain has so far. */
export function holds(condition: Condition, scope: Scope): boolean {
  if (condition.and) return condition.and.every((each) => holds(each, scope));
  if (condition.or) return condition.or.some((each) => holds(each, scope));
  if (condition.not) return !holds(condition.not, scope);
  const { equals, in: among, gt, gte, lt, lte, matches, contains, exists } = condition;
  const lookUp = lookUpIn(scope);
  const value = fillIn(condition.value, lookUp);
  const number = numberOf(value);
  return (
    (equals === undefined || isSame(value, fillIn(equals, lookUp))) &&
    (among === undefined || among.some((one) => isSame(value, fillIn(one, lookUp)))) &&
    (gt === undefined || number > gt) &&
    (gte === undefined || number >= gte) &&
    (lt === undefined || number < lt) &&
    (lte === undefined || number <= lte) &&
    (matches === undefined || looksLike(asText(value), asText(fillIn(matches, lookUp)))) &&
    (contains === undefined || has(value, asText(fillIn(contains, lookUp)))) &&
    (exists === undefined || (value !== null && value !== undefined && value !== '') === exists)
  );
}

/** Models give numbers as text where they have no schema; what is no number compares as false. */
function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return a === b;
  const [keys, others] = [Object.keys(a), Object.keys(b)];
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === others.length &&
    keys.every((key) => Object.hasOwn(b, key) && isSame(field(a, key), field(b, key)))
  );
}

function field(value: object, key: string): unknown {
  return (value as Record<string, unknown>)[key];
}

function has(value: unknown, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((member) => asText(member) === wanted);
  return asText(value).toLowerCase().includes(wanted.toLowerCase());
}

/** `*` stands for anything. The pieces between stars are looked for in order, each as early as it can be: this is enough,
 *  and takes time in proportion to the text, which a regular expression from outside could not promise. */
function looksLike(text: string, pattern: string): boolean {
  const lower = text.toLowerCase();
  const [first, ...rest] = pattern.toLowerCase().split('*') as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return lower === first;
  if (!lower.startsWith(first)) return false;
  let at = first.length;
  for (const piece of rest) {
    const found = lower.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  return lower.length - last.length >= at && lower.endsWith(last);
}
