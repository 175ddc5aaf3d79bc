import { html } from 'hono/html';
import { layout } from './layout.ts';

/** What is found at the address `npm start` prints. */
export function homePage({ version, temporalUiUrl }: { version: string; temporalUiUrl?: string }) {
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
