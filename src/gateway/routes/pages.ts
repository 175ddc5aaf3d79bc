import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from 'hono';
import type { GatewayApp } from '../app.ts';
import { DOCS_PAGE, OPEN_DOCS } from '../pages/docs.ts';

const POLICY = [
  ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'"],
  ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
]
  .flat()
  .join('; ');

/** Files of swagger-ui-dist, as it is installed. */
const VIEWER = { 'swagger-ui.css': 'text/css', 'swagger-ui-bundle.js': 'text/javascript' } as const;

/** The OpenAPI document, and the page people read it on. */
export function addPages(app: GatewayApp, { version }: { version: string }): void {
  const about = {
    openapi: '3.1.0',
    info: {
      title: 'Cadenza',
      version,
      description: 'Durable AI orchestration on Temporal: start runs, watch them, read their bills.',
    },
    security: [{ apiKey: [] as string[] } as Record<string, string[]>, {}],
  };
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', { type: 'http', scheme: 'bearer' });
  let document: ReturnType<typeof app.getOpenAPI31Document> | undefined;
  app.get('/openapi.json', (c) => {
    document ??= app.getOpenAPI31Document(about);
    return c.json(document);
  });

  app.get('/docs', (c) => answer(c, DOCS_PAGE, 'text/html'));
  app.get('/docs/open.js', (c) => answer(c, OPEN_DOCS, 'text/javascript'));
  const folder = path.dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  for (const [name, type] of Object.entries(VIEWER)) {
    app.get(`/docs/${name}`, async (c) => answer(c, await readFile(path.join(folder, name), 'utf8'), type));
  }
}

function answer(c: Context, text: string, type: string): Response {
  c.header('content-security-policy', POLICY);
  c.header('cache-control', 'no-cache');
  return c.body(text, 200, { 'content-type': `${type}; charset=utf-8` });
}
