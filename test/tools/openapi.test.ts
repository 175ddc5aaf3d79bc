import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { serve } from '@hono/node-server';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Hono } from 'hono';
import { stringify } from 'yaml';
import { type ConfigInput, parseConfig } from '../../src/config/index.ts';
import { openApiSources, type Tool, ToolFailure, type ToolSource, toolRegistry } from '../../src/tools/index.ts';
import { testLog } from '../setup/test-log.ts';
import { toolContext } from '../setup/tool-context.ts';

/** Temporal's own HTTP API as it is published: 228 operations, in YAML, MIT. */
const PUBLIC_FILE =
  'node_modules/@temporalio/core-bridge/sdk-core/crates/protos/protos/api_upstream/openapi/openapiv3.yaml';

const ok = { responses: { 200: { description: 'Well' } } };
const PETS = {
  openapi: '3.0.3',
  info: { title: 'Pets', version: '1' },
  paths: {
    '/pets/{id}': {
      parameters: [{ $ref: '#/components/parameters/Id' }],
      get: {
        operationId: 'getPet',
        summary: 'One pet',
        parameters: [
          { name: 'fields', in: 'query', schema: { type: 'array', items: { type: 'string', enum: ['name', 'age'] } } },
          { name: 'filter[age]', in: 'query', explode: true, style: 'deepObject', schema: { type: 'object' } },
          { name: 'id', in: 'header', schema: { type: 'string' } },
          { name: 'key', in: 'query', schema: { type: 'string' } },
        ],
        ...ok,
      },
      patch: {
        operationId: 'changePet',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
        },
        ...ok,
      },
      delete: { ...ok },
    },
    '/pets': {
      post: {
        operationId: 'add pet',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { type: 'array', items: { $ref: '#/components/schemas/Pet' } } } },
        },
        ...ok,
      },
    },
    '/picture': { get: { operationId: 'picture', ...ok } },
    '/away': { get: { operationId: 'away', ...ok } },
    '/busy': { get: { operationId: 'busy', ...ok }, post: { operationId: 'write_busy', ...ok } },
    '/film': { put: { operationId: 'film', requestBody: { content: { 'video/mp4': {} } }, ...ok } },
  },
  components: {
    parameters: { Id: { name: 'id', in: 'path', required: true, schema: { type: 'string' } } },
    schemas: {
      Pet: {
        type: 'object',
        required: ['name', 'serial'],
        properties: {
          serial: { type: 'integer', readOnly: true },
          name: { type: 'string' },
          age: { type: 'integer', minimum: 0, exclusiveMinimum: true, nullable: true },
          parent: { $ref: '#/components/schemas/Pet' },
        },
      },
    },
  },
};

const asked: { method: string; url: string; headers: Record<string, string>; body: string }[] = [];
let baseUrl = '';
let folder = '';
let close: () => void;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'openapi-'));
  const app = new Hono();
  app.get('/pets.json', (c) => c.json({ ...PETS, servers: [{ url: '/v1' }] }));
  app.use(async (c, next) => {
    const { method, url } = c.req;
    asked.push({ method, url, headers: c.req.header(), body: await c.req.text() });
    await next();
  });
  app.get('/v1/picture', (c) => c.body(new Uint8Array([1, 2, 3]), 200, { 'content-type': 'image/png' }));
  app.get('/v1/away', (c) => c.redirect(`${baseUrl.replace('127.0.0.1', 'localhost')}/v1/pets/1`));
  app.all('/v1/busy', (c) => c.text('Come back', c.req.method === 'GET' ? 502 : 500, { 'retry-after': '7' }));
  app.get('/v1/pets/none', (c) => c.json({ detail: 'No such pet' }, 404));
  app.all('/v1/*', (c) => c.json({ ok: true }));
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  baseUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  close = () => server.close();
});

afterAll(async () => {
  close();
  await rm(folder, { recursive: true });
});

beforeEach(() => {
  asked.length = 0;
});

type ApiConfig = NonNullable<ConfigInput['openapi']>[string];

function source(config: ApiConfig, log = testLog().log) {
  return openApiSources(parseConfig({ openapi: { pets: config } }).openapi, log)[0]!;
}

function registry(...sources: ToolSource[]) {
  return toolRegistry(sources, { ...parseConfig({}).toolSettings, privateHosts: ['127.0.0.1'] });
}

async function fileOf(document: unknown, name = 'pets.yaml'): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, typeof document === 'string' ? document : stringify(document));
  return file;
}

async function tool(name: string, config: Partial<ApiConfig> = {}): Promise<Tool> {
  const file = await fileOf(PETS);
  const found = await registry(source({ file, baseUrl: `${baseUrl}/v1`, ...config } as ApiConfig)).find(
    `pets__${name}`,
  );
  return found!;
}

async function failureOf(promise: Promise<unknown>): Promise<ToolFailure> {
  const thrown = await promise.then(
    () => undefined,
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(ToolFailure);
  return thrown as ToolFailure;
}

async function run(used: Tool, args: Record<string, unknown>, env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const checked = await used.check(args);
  if ('problem' in checked) throw new Error(checked.problem);
  const context = toolContext({ env });
  return used.run!(checked.args, { ...context, fetch: registry().fetchFor(used, undefined, context.signal) });
}

describe('importing', () => {
  test('a public file of 228 operations: each one becomes a tool that models can be shown', async () => {
    const tools = await source({ file: PUBLIC_FILE, baseUrl }).list();
    expect(tools).toHaveLength(228);
    expect(new Set(tools.map(({ name }) => name)).size).toBe(228);
    for (const { name, parameters, description, check, replay, approval, reach } of tools) {
      expect(name).toMatch(/^pets__[\w-]{1,58}$/);
      expect(description.length).toBeGreaterThan(0);
      expect(Object.keys(parameters.properties as object).every((key) => /^[\w.-]{1,64}$/.test(key))).toBe(true);
      expect(replay === 'safe' ? approval : 'always').toBe(replay === 'safe' ? 'never' : 'always');
      expect(reach?.methods).toHaveLength(1);
      // A schema that cannot be checked would throw.
      await check({});
    }
    const start = tools.find(({ name }) => name === 'pets__StartWorkflowExecution')!;
    // Its body has a `namespace` too, so that it stays one argument.
    const args = { namespace: 'default', workflowId: 'w', body: { workflowType: { name: 'ask' }, cronSchedule: '' } };
    expect(await start.check(args)).toEqual({ args });
    const wrong = { ...args, body: { workflowType: 'ask' } };
    expect(await start.check(wrong)).toEqual({ problem: expect.stringContaining('body.workflowType must be object') });
  }, 60_000);

  test('a file from an address; its servers may be relative to it', async () => {
    const [get] = await source({ url: `${baseUrl}/pets.json`, include: ['getPet'] }).list();
    expect(await run(get!, { id: '7' })).toEqual({ ok: true });
    expect(asked).toMatchObject([{ method: 'GET', url: `${baseUrl}/v1/pets/7` }]);
  });

  test('one object of arguments: path, query, header and body, none in the way of another', async () => {
    const get = await tool('getPet');
    expect(get.parameters).toMatchObject({
      required: ['id'],
      properties: { id: {}, fields: {}, filter_age: {}, header_id: {}, key: {} },
    });
    const change = await tool('changePet');
    expect(change.parameters).toMatchObject({
      required: ['id', 'name'],
      properties: { id: { type: 'string' }, name: { type: 'string' }, parent: { $ref: '#/$defs/Pet' } },
    });
    expect(change.parameters.properties).not.toHaveProperty('serial');
    expect(await change.check({ id: '1', name: 'Rex', age: null, parent: { name: 'Old Rex' } })).toHaveProperty('args');
    expect(await change.check({ id: '1', name: 'Rex', age: 0 })).toEqual({ problem: 'age must be > 0' });
    expect(await change.check({ id: '1', name: 'Rex', parent: { age: 1 } })).toHaveProperty('problem');
    expect(await change.check({ id: '1', name: 'Rex', colour: 'red' })).toHaveProperty('problem');
    expect((await tool('add_pet')).parameters).toMatchObject({
      required: ['body'],
      properties: { body: { type: 'array' } },
    });
  });

  test('an operation without an id is named by method and path; one that no model can write is left out, and said so', async () => {
    const { log, logged } = testLog();
    const tools = await source({ file: await fileOf(PETS), baseUrl }, log).list();
    expect(tools.map(({ name }) => name)).toEqual(
      ['getPet', 'changePet', 'delete_pets_id', 'add_pet', 'picture', 'away', 'busy', 'write_busy'].map(
        (id) => `pets__${id}`,
      ),
    );
    expect(logged.join()).toContain('PUT /film');
  });

  test('GET is safe and asks nobody, the rest is unsafe and asks always, unless the config says otherwise', async () => {
    expect(await tool('getPet')).toMatchObject({ replay: 'safe', approval: 'never' });
    expect(await tool('changePet')).toMatchObject({ replay: 'unsafe', approval: 'always' });
    const config = { approval: { changePet: 'once', '*': 'never' }, replay: { 'PATCH *': 'safe' } } as const;
    expect(await tool('changePet', config)).toMatchObject({ replay: 'safe', approval: 'once' });
    expect(await tool('add_pet', config)).toMatchObject({ replay: 'unsafe', approval: 'never' });
  });
});

describe('asking', () => {
  test('arguments go where the file says', async () => {
    const args = { id: 'a/b', fields: ['name', 'age'], filter_age: { gt: 3 }, header_id: 'h' };
    expect(await run(await tool('getPet'), args)).toEqual({ ok: true });
    await run(await tool('changePet'), { id: '1', name: 'Rex', age: 3 });
    expect(asked).toMatchObject([
      { url: `${baseUrl}/v1/pets/a%2Fb?fields=name&fields=age&filter%5Bage%5D%5Bgt%5D=3`, headers: { id: 'h' } },
      {
        method: 'PATCH',
        url: `${baseUrl}/v1/pets/1`,
        headers: { 'content-type': 'application/json', 'idempotency-key': 'one-call' },
        body: '{"name":"Rex","age":3}',
      },
    ]);
  });

  test('an argument cannot lead to another path', async () => {
    const { error } = await failureOf(run(await tool('getPet'), { id: '..' }));
    expect(error).toMatchObject({ type: 'InvalidRequest', message: '".." cannot be the id of an address' });
    expect(asked).toEqual([]);
  });

  test('the key comes from the environment, is no argument, and is missed by name', async () => {
    const inQuery = await tool('getPet', { auth: { apiKeyEnv: 'PETS_KEY', query: 'key' } });
    expect(inQuery.parameters.properties).not.toHaveProperty('key');
    await run(inQuery, { id: '1' }, { PETS_KEY: 's3cret' });
    await run(await tool('getPet', { auth: { bearerEnv: 'PETS_KEY' } }), { id: '1' }, { PETS_KEY: 's3cret' });
    await run(await tool('getPet', { auth: { basicEnv: 'PETS_KEY' } }), { id: '1' }, { PETS_KEY: 'me:s3cret' });
    await run(
      await tool('getPet', { auth: { apiKeyEnv: 'PETS_KEY', header: 'X-Key' } }),
      { id: '1' },
      { PETS_KEY: 's3cret' },
    );
    expect(asked[0]!.url).toBe(`${baseUrl}/v1/pets/1?key=s3cret`);
    expect(asked.slice(1).map(({ headers }) => headers.authorization ?? headers['x-key'])).toEqual([
      'Bearer s3cret',
      `Basic ${Buffer.from('me:s3cret').toString('base64')}`,
      's3cret',
    ]);
    const { error } = await failureOf(run(inQuery, { id: '1' }));
    expect(error).toMatchObject({ type: 'AuthenticationFailed', path: 'config.openapi.pets.auth' });
    expect(error.message).toContain('PETS_KEY');
  });

  test('only the host of the API is asked, and nothing of it redirects elsewhere', async () => {
    const { error } = await failureOf(run(await tool('away'), {}));
    expect(error).toMatchObject({ type: 'ToolDenied' });
    expect(asked).toHaveLength(1);
  });

  test('what is no text becomes a file of the run', async () => {
    const context = toolContext();
    const result = await (await tool('picture')).run!({}, context);
    expect(result).toEqual({ file: { name: expect.stringMatching(/^get-picture-/), size: 3, mediaType: 'image/png' } });
    expect([...context.kept.values()]).toEqual([new Uint8Array([1, 2, 3])]);
  });

  test('a refusal is told with its text; another try only where nothing can be done twice', async () => {
    const missing = await failureOf(run(await tool('getPet'), { id: 'none' }));
    expect(missing.error).toMatchObject({ type: 'ToolFailed', status: 404 });
    expect(missing.error.message).toBe('GET /pets/{id} answered 404: {"detail":"No such pet"}');
    expect(missing.retryable).toBe(false);
    const busy = await failureOf(run(await tool('busy'), {}));
    expect(busy).toMatchObject({ retryable: true, error: { type: 'Unavailable', status: 502, retryAfterMs: 7_000 } });
    expect(await failureOf(run(await tool('write_busy'), {}))).toMatchObject({ retryable: false });
  });
});

describe('a bad file names its fault', () => {
  const faults: [string, unknown, string][] = [
    ['broken YAML', 'openapi: 3.0.0\npaths: [', 'It is neither JSON nor YAML'],
    ['no OpenAPI', { hello: 1 }, 'It does not begin with openapi: 3.x'],
    ['Swagger', { swagger: '2.0' }, 'It is Swagger 2.0, not OpenAPI 3'],
    ['no operations', { openapi: '3.1.0', paths: {} }, 'paths: It has no operations'],
    [
      'a parameter in no place',
      { openapi: '3.0.0', paths: { '/a': { get: { parameters: [{ name: 'x', in: 'quer' }] } } } },
      'paths./a.get.parameters[0].in: Invalid option',
    ],
    ['a path parameter that is none', { openapi: '3.0.0', paths: { '/a/{b}': { get: {} } } }, 'The path names {b}'],
    [
      'a schema that is not there',
      {
        openapi: '3.0.0',
        paths: { '/a': { get: { parameters: [{ name: 'x', in: 'query', schema: { $ref: '#/no' } }] } } },
      },
      'paths./a.get: There is no #/no',
    ],
    [
      'a parameter that refers to itself',
      { openapi: '3.0.0', paths: { '/a': { get: { parameters: [{ $ref: '#/paths/~1a/get/parameters/0' }] } } } },
      'Its references lead in a circle',
    ],
  ];

  test.each(faults)('%s', async (_, document, reason) => {
    const file = await fileOf(document, 'bad.yaml');
    const { error, retryable } = await failureOf(source({ file, baseUrl }).list());
    expect(error).toMatchObject({ type: 'InvalidRequest', path: 'config.openapi.pets.file' });
    expect(error.message).toContain(`config.openapi.pets.file: The OpenAPI file ${file} cannot be used. `);
    expect(error.message).toContain(reason);
    expect(retryable).toBe(false);
  });

  test('a file that is not there, an operation that is not in it, an API without an address', async () => {
    expect((await failureOf(source({ file: 'nowhere.yaml' }).list())).error.message).toContain('There is no such file');
    const file = await fileOf(PETS);
    expect((await failureOf(source({ file, include: ['getPt'] }).list())).error.message).toContain(
      'Did you mean "getPet"?',
    );
    expect((await failureOf(source({ file }).list())).error.path).toBe('config.openapi.pets.baseUrl');
  });

  test('an address that does not answer is asked again with the next use', async () => {
    const { error, retryable } = await failureOf(source({ url: `${baseUrl}/v1/busy` }).list());
    expect(error).toMatchObject({ type: 'Unavailable', path: 'config.openapi.pets.url' });
    expect(retryable).toBe(true);
    expect(() => source({} as ApiConfig)).toThrow('config.openapi.pets: It needs either file or url');
  });
});
