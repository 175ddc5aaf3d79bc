import { secureHeaders } from 'hono/secure-headers';
import type { GatewayApp } from '../app.ts';
import { docsPage } from '../pages/docs.ts';

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
  const openapi = () => (document ??= app.getOpenAPI31Document(about));

  const onlyOurs = secureHeaders({
    contentSecurityPolicy: { defaultSrc: ["'none'"], styleSrc: ["'unsafe-inline'"], frameAncestors: ["'none'"] },
  });
  app.get('/openapi.json', (c) => c.json(openapi()));
  app.get('/docs', onlyOurs, (c) => c.html(docsPage(openapi())));
}
