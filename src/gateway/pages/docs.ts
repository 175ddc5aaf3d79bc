import type { OpenAPIHono } from '@hono/zod-openapi';
import { html } from 'hono/html';
import { layout } from './layout.ts';

type OpenApiDocument = ReturnType<OpenAPIHono['getOpenAPI31Document']>;
type Operation = NonNullable<NonNullable<OpenApiDocument['paths']>[string]['get']>;

/** The API as a page: every route of the OpenAPI document, then every schema. */
export function docsPage(document: OpenApiDocument) {
  const schemas = Object.entries(document.components?.schemas ?? {});
  return layout(
    'Cadenza API',
    html`<h1>Cadenza API</h1>
<p class="quiet">Version ${document.info.version}. ${document.info.description}
As <a href="/openapi.json">OpenAPI document</a>. <a href="/">Home</a></p>
<h2 id="routes">Routes</h2>
${operations(document).map(({ method, path, operation }) => route(method, path, operation))}
<h2 id="schemas">Schemas</h2>
${schemas.map(
  ([name, schema]) =>
    html`<details id="schema-${name}"><summary><code>${name}</code></summary>${code(schema)}</details>`,
)}`,
  );
}

function operations(document: OpenApiDocument) {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    (['get', 'post', 'put', 'patch', 'delete'] as const).flatMap((method) => {
      const operation = item[method];
      return operation ? [{ method, path, operation }] : [];
    }),
  );
}

function route(method: string, path: string, { summary, description, parameters, requestBody, responses }: Operation) {
  return html`<details>
<summary><code>${method.toUpperCase()} ${path}</code> ${summary}</summary>
${description ? html`<p>${description}</p>` : ''}
${parameters?.length ? html`<h3>Parameters</h3>${table(parameters.map(parameterRow))}` : ''}
${requestBody && 'content' in requestBody ? html`<h3>Body</h3>${code(requestBody.content['application/json']?.schema)}` : ''}
<h3>Answers</h3>
${table(Object.entries(responses ?? {}).map(([status, response]) => row(status, response.description)))}
</details>`;
}

function parameterRow(parameter: NonNullable<Operation['parameters']>[number]) {
  if ('$ref' in parameter) return row(parameter.$ref, '');
  return row(
    `${parameter.name} (${parameter.in}${parameter.required ? ', required' : ''})`,
    parameter.description ?? '',
  );
}

function row(name: string, meaning: string) {
  return html`<tr><th scope="row"><code>${name}</code></th><td>${meaning}</td></tr>`;
}

function table(rows: ReturnType<typeof row>[]) {
  return html`<table><tbody>${rows}</tbody></table>`;
}

function code(value: unknown) {
  return html`<pre tabindex="0"><code>${JSON.stringify(value, null, 2)}</code></pre>`;
}
