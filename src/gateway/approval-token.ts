import { createHmac, timingSafeEqual } from 'node:crypto';

/** How long a link to an approval holds that waits for ever, ms. */
const LINK_HOLDS_MS = 7 * 86_400_000;

/** Lets its bearer answer one approval of one run until the time, and nothing else: `<unix seconds>.<HMAC>`. */
export function approvalToken(secret: string, run: string, approval: string, expires: number): string {
  return `${expires}.${macOf(secret, run, approval, expires).toString('base64url')}`;
}

/** Why a token does not let its bearer answer, if so. @param now ms since 1970 */
export function refusalOfToken(secret: string, run: string, approval: string, token: string, now: number) {
  const [, expires, mac] = /^(\d{1,12})\.([\w-]+)$/.exec(token) ?? [];
  const given = Buffer.from(mac ?? '', 'base64url');
  const right = macOf(secret, run, approval, Number(expires ?? 0));
  if (given.length !== right.length || !timingSafeEqual(given, right)) return 'The token is not one that was given out';
  return Number(expires) * 1_000 <= now ? 'The token has expired' : undefined;
}

/** The path by which one approval can be answered without an API key. */
export function approvalLink(
  secret: string,
  { id, approval, expiresAt }: { id: string; approval: string; expiresAt?: string },
): string {
  const until = expiresAt === undefined ? Date.now() + LINK_HOLDS_MS : Date.parse(expiresAt);
  const token = approvalToken(secret, id, approval, Math.ceil(until / 1_000));
  return `/v1/webhooks/approvals/${encodeURIComponent(id)}/${encodeURIComponent(approval)}?token=${token}`;
}

/** Of words no webhook is ever signed over, so that neither signature stands for the other. */
function macOf(secret: string, run: string, approval: string, expires: number): Buffer {
  const words = JSON.stringify(['cadenza approval link', run, approval, expires]);
  return createHmac('sha256', secret).update(words).digest();
}
