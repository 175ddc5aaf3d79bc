import { html } from 'hono/html';
import { secureHeaders } from 'hono/secure-headers';
import type { GatewayApp, TemporalLinks } from '../app.ts';
import { docsPage } from '../pages/docs.ts';
import { layout } from '../pages/layout.ts';

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

/** What is found at the address `npm start` prints. */
function homePage({ version, temporalUiUrl }: { version: string; temporalUiUrl?: string }) {
  return layout(
    'Cadenza',
    html`<h1>Cadenza</h1>
<p class="quiet">Durable AI orchestration on Temporal, version ${version}</p>
<ul>
<li><a href="/docs">The API</a>, also as <a href="/openapi.json">OpenAPI document</a></li>
<li><a href="/v1/runs">Runs</a>, as JSON</li>
${temporalUiUrl ? html`<li><a href="${temporalUiUrl}">Temporal UI</a>: every run, step by step</li>` : ''}
<li><a href="/health/ready">Health</a></li>
</ul>
<h2>A first run</h2>
<pre tabindex="0"><code>npx cadenza run ask --input '{"prompt":"Why do rivers bend?"}' --watch</code></pre>`,
  );
}
