import { deleteCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { html } from 'hono/html';
import { isPermitted } from '../../contract/index.ts';
import type { GatewayApp, Surroundings } from '../app.ts';
import { assertPermitted, CODEC_COOKIE, callerOf } from '../authorization.ts';
import { BODY_LIMITS, limitBody } from '../limit-body.ts';
import { json, route } from '../route.ts';
import { WirePayloads } from '../schemas.ts';

/** A browser that signed in is asked again after so long, seconds. */
const SIGNED_IN_FOR = 12 * 3_600;

const decodeRoute = route({
  may: 'oversee',
  method: 'post',
  path: '/codec/decode',
  tags: ['operations'],
  summary: 'Open payloads of Temporal’s: a codec server for its UI and CLI',
  description:
    'For keys of admins and operators that belong to no tenant: a payload does not say whose it is. A browser that signed in at /codec needs no header.',
  request: { body: { required: true, content: { 'application/json': { schema: WirePayloads } } } },
  answers: { 200: json('The same payloads, opened', WirePayloads) },
});

/** A codec server for Temporal's UI (docs/encryption.md), and the page where a browser signs in to it. */
export function addCodecRoutes(app: GatewayApp, { cors: origins, links }: Surroundings): void {
  const ui = links.temporalUiUrl === undefined ? [] : [new URL(links.temporalUiUrl).origin];
  const sharedWith = [...origins, ...ui];
  // With credentials, so to these web sites alone: else a page could read what the browser's person may.
  app.use('/codec/*', cors({ origin: sharedWith, credentials: true, allowMethods: ['POST'], maxAge: 600 }));

  app.openapi(decodeRoute, async (c) => {
    assertPermitted(c.get('caller'), 'operate');
    c.header('cache-control', 'no-store');
    return c.json({ payloads: await c.var.client.decodePayloads(c.req.valid('json').payloads) }, 200);
  });

  app.get('/codec', async (c) => {
    const caller = await callerOf(c).catch(() => undefined);
    const mayRead = caller && caller.tenant === undefined && isPermitted(caller.role, 'operate');
    const who = caller?.key === undefined ? 'everybody of this machine' : `the key ${caller.key}`;
    return c.html(page(mayRead ? `Payloads are opened for ${who}.` : undefined));
  });

  app.post('/codec/sign-in', limitBody(BODY_LIMITS.webhook), async (c) => {
    const { key } = await c.req.parseBody();
    const caller = typeof key === 'string' ? await callerOf(c, key).catch(() => undefined) : undefined;
    if (!caller || caller.tenant !== undefined || !isPermitted(caller.role, 'operate')) {
      return c.html(
        page(undefined, 'This key opens no payloads: it takes one of an admin or operator, of no tenant.'),
        403,
      );
    }
    const secure = new URL(c.req.url).protocol === 'https:' || c.req.header('x-forwarded-proto') === 'https';
    setCookie(c, CODEC_COOKIE, key as string, {
      ...{ path: '/codec', httpOnly: true, sameSite: 'Strict', secure, maxAge: SIGNED_IN_FOR },
    });
    return c.redirect('/codec', 303);
  });

  app.post('/codec/sign-out', (c) => {
    deleteCookie(c, CODEC_COOKIE, { path: '/codec' });
    return c.redirect('/codec', 303);
  });
}

function page(signedIn?: string, refused = '') {
  const form = signedIn
    ? html`<p>${signedIn}</p><form method="post" action="/codec/sign-out"><button>Sign out</button></form>`
    : html`<form method="post" action="/codec/sign-in">
        <label>API key <input type="password" name="key" autocomplete="off" required /></label> <button>Sign in</button>
        <p role="alert">${refused}</p>
      </form>`;
  return html`<!doctype html>
    <html lang="en">
      <head><meta charset="utf-8" /><title>Cadenza: payloads in the Temporal UI</title></head>
      <body>
        <h1>Payloads in the Temporal UI</h1>
        ${form}
        <p>In the Temporal UI, set the codec endpoint to this address and include cross-origin credentials.</p>
      </body>
    </html>`;
}
