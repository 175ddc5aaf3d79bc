const SECRET_NAME = /_(API_KEY|TOKEN|SECRET)$/;
/** Shorter values would redact ordinary words. */
const SHORTEST = 8;
export const REDACTED = '[redacted]';

/** Every secret in the environment, longest first. */
export function secretsOf(env: NodeJS.ProcessEnv): string[] {
  const named = Object.entries(env).flatMap(([name, value]) => (SECRET_NAME.test(name) && value ? [value] : []));
  const apiKeys = (env.CADENZA_API_KEYS ?? '').split(',').map((key) => key.trim());
  const all = [...named, ...apiKeys, ...passwordOf(env.CADENZA_DATABASE_URL)].filter(
    (value) => value.length >= SHORTEST,
  );
  return [...new Set(all)].sort((a, b) => b.length - a.length);
}

/** The password of a database address, as it is written there and as it is meant. */
function passwordOf(url: string | undefined): string[] {
  if (!url || !URL.canParse(url)) return [];
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
