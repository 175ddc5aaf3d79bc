/** Variables that are named for what must stay secret. */
const SECRET_NAME = /(^|_)KEYS?$|TOKEN|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL/i;
/** Addresses may hold a password. */
const ADDRESS_NAME = /(^|_)(URL|URI|DSN)$/i;
/** Shorter values would redact ordinary words. */
const SHORTEST = 8;
/** A value this long is no word that people write, whatever it is made of. */
const SURELY_SECRET = 20;
/** Words and names made of them, or a number, such as `postgres`, `Production`, `us-east`, `100000000`. */
const ORDINARY = /^(\d+|(\p{Lu}?\p{Ll}+|\p{Lu}+)([-_ .](\p{Lu}?\p{Ll}+|\p{Lu}+))*)$/u;
/** A path or an address: where a secret lies, not the secret. */
const PLACE = /^(~?\.{0,2}\/|[a-z][a-z0-9+.-]*:\/\/|[A-Z]:\\)/i;
export const REDACTED = '[redacted]';

/**
 * Every secret in the environment, longest first: the values of variables named so (`*_KEY`, `*TOKEN*`, `*SECRET*`,
 * `*PASSWORD*`), of those the config reads providers' keys from, the passwords within addresses, and Cadenza's own API
 * keys. A value that people write in prompts is none: under 8 characters, or under 20 and made of words or numbers alone
 * (`postgres`). Such a password protects nothing, and to redact it would take nouns out of people's prompts.
 * @param keyVariables the config's `apiKeyEnv`s
 */
export function secretsOf(env: NodeJS.ProcessEnv, keyVariables: (string | undefined)[] = []): string[] {
  const values = Object.entries(env).flatMap(([name, value = '']) => {
    if (name === 'CADENZA_API_KEYS') return value.split(',');
    if (name === 'CADENZA_ENCRYPTION_KEYS') return value.split(',').map((key) => key.replace(/^[^:]*:/, ''));
    if (ADDRESS_NAME.test(name)) return passwordOf(value);
    return SECRET_NAME.test(name) || keyVariables.includes(name) ? [value, ...longLines(value)] : [];
  });
  const secrets = values.map((value) => value.trim()).filter(isSecret);
  return [...new Set(secrets)].sort((a, b) => b.length - a.length);
}

function isSecret(value: string): boolean {
  if (value.length < SHORTEST || PLACE.test(value)) return false;
  return value.length >= SURELY_SECRET || !ORDINARY.test(value);
}

/** A key of several lines may be shown in part. */
function longLines(value: string): string[] {
  return value.includes('\n')
    ? value.split('\n').filter((line) => line.length >= SURELY_SECRET && !/^-----/.test(line))
    : [];
}

/** The password of an address, as it is written there and as it is meant. */
function passwordOf(url: string): string[] {
  if (!URL.canParse(url)) return [];
  const { password } = new URL(url);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** The text with every secret replaced. Where secrets overlap or hold each other, all they cover goes. */
export function redact(text: string, secrets: string[]): string {
  const ranges = secrets.flatMap((secret) => [...occurrences(text, secret)]).sort((a, b) => a.start - b.start);
  let result = '';
  let done = 0;
  for (const { start, end } of ranges) {
    if (start >= done) result += text.slice(done, start) + REDACTED;
    done = Math.max(done, end);
  }
  return result + text.slice(done);
}

function* occurrences(text: string, secret: string): Generator<{ start: number; end: number }> {
  if (secret === '') return;
  for (let start = text.indexOf(secret); start !== -1; start = text.indexOf(secret, start + 1)) {
    yield { start, end: start + secret.length };
  }
}

/** Redacts text that comes in pieces; a secret split over pieces does not get out either. */
export interface StreamRedactor {
  /** @returns what can be told now; a tail that may be the beginning of a secret is kept until it is clear */
  push(text: string): string;
  /** @returns the rest, at the end of the text */
  flush(): string;
}

export function streamRedactor(secrets: string[]): StreamRedactor {
  let held = '';
  return {
    push(text) {
      held += text;
      const cut = clearUpTo(held, secrets);
      const clear = redact(held.slice(0, cut), secrets);
      held = held.slice(cut);
      return clear;
    },
    flush() {
      const rest = redact(held, secrets);
      held = '';
      return rest;
    },
  };
}

/** How much of the text no later text can change: up to the first place where a secret may have begun, or is cut in two. */
function clearUpTo(text: string, secrets: string[]): number {
  let cut = text.length;
  for (const secret of secrets) cut = Math.min(cut, text.length - begunAtEnd(text, secret));
  // A whole secret across the cut moves the cut to its beginning, which may lie in another secret again.
  for (let moved = true; moved; ) {
    const across = secrets
      .flatMap((secret) => [...occurrences(text, secret)])
      .filter(({ start, end }) => start < cut && end > cut);
    moved = across.length > 0;
    cut = Math.min(cut, ...across.map(({ start }) => start));
  }
  return cut;
}

/** Length of the longest end of the text that is a beginning of the secret, but not all of it. */
function begunAtEnd(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}
