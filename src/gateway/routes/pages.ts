import { secureHeaders } from 'hono/secure-headers';
import type { GatewayApp, TemporalLinks } from '../app.ts';
import { docsPage } from '../pages/docs.ts';
import { homePage } from '../pages/home.ts';

/** The OpenAPI document and the two pages people read. */
export function addPages(app: GatewayApp, { version, links }: { version: string; links: TemporalLinks }): void {
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
  app.get('/', onlyOurs, (c) => c.html(homePage({ version, temporalUiUrl: links.temporalUiUrl })));
}
