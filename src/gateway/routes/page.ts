import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Context } from 'hono';
import { secureHeaders } from 'hono/secure-headers';
import type { GatewayApp } from '../app.ts';
import { builtPage } from '../pages/page-bundle.ts';

/** Paths the page itself makes something of. */
const PATHS = ['/', '/compare/*', '/chat', '/chat/*', '/runs', '/runs/*', '/inbox', '/spend'];

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
};

interface Asset {
  type: string;
  etag: string;
  plain: Uint8Array<ArrayBuffer>;
  br?: Uint8Array<ArrayBuffer>;
  gzip?: Uint8Array<ArrayBuffer>;
}

/** The page people open: its HTML at every path of its own, and its scripts and styles by names that never change meaning. */
export function addPage(app: GatewayApp): void {
  const onlyOurs = secureHeaders({
    // Whoever puts TLS before it says so.
    strictTransportSecurity: false,
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      connectSrc: ["'self'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      requireTrustedTypesFor: ["'script'"],
      trustedTypes: ['cadenza-markdown', 'default'],
    },
  });
  let loaded: { folder: string; assets: Promise<Map<string, Asset>> } | undefined;
  async function assets(): Promise<Map<string, Asset>> {
    const folder = await builtPage();
    if (loaded?.folder !== folder) loaded = { folder, assets: loadAssets(folder) };
    return loaded.assets;
  }

  for (const at of PATHS) {
    app.get(at, onlyOurs, async (c) => answer(c, (await assets()).get('index.html')!, 'no-cache'));
  }
  app.get('/assets/:name', onlyOurs, async (c) => {
    const { name } = c.req.param();
    // Sources in a clone are looked at where the page is asked for, not for each of its parts.
    const asset = (await (loaded?.assets ?? assets())).get(`assets/${name}`);
    return asset ? answer(c, asset, 'public, max-age=31536000, immutable') : c.notFound();
  });
}

function answer(c: Context, { type, etag, plain, br, gzip }: Asset, caching: string): Response {
  const accepted = c.req.header('accept-encoding') ?? '';
  c.header('cache-control', caching);
  c.header('vary', 'accept-encoding');
  c.header('etag', etag);
  if (c.req.header('if-none-match')?.includes(etag)) return c.body(null, 304);
  c.header('content-type', type);
  const encoding = br && /\bbr\b/.test(accepted) ? 'br' : gzip && /\bgzip\b/.test(accepted) ? 'gzip' : undefined;
  if (encoding) c.header('content-encoding', encoding);
  return c.body((encoding === 'br' ? br : encoding === 'gzip' ? gzip : undefined) ?? plain);
}

async function loadAssets(folder: string): Promise<Map<string, Asset>> {
  const names = await readdir(folder, { recursive: true });
  const read = async (name: string) =>
    names.includes(name) ? new Uint8Array(await readFile(path.join(folder, name))) : undefined;
  const assets = new Map<string, Asset>();
  for (const name of names) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    const plain = (await read(name))!;
    const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
    assets.set(name, { type, etag, plain, br: await read(`${name}.br`), gzip: await read(`${name}.gz`) });
  }
  return assets;
}
