import { z } from '@hono/zod-openapi';
import { CadenzaError } from '../../client/errors.ts';
import type { NamedModel } from '../../client/models.ts';
import type { GatewayApp } from '../app.ts';
import { json, route } from '../route.ts';

/** Providers' lists tell no dates. */
const UNKNOWN_DATE = 0;

/** In OpenAI's words and Anthropic's at once: clients of both read their own. */
const Model = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.number().int(),
    owned_by: z.string(),
    type: z.literal('model'),
    display_name: z.string(),
    created_at: z.string(),
    price_usd: z
      .object({ input_per_million: z.number(), output_per_million: z.number() })
      .optional()
      .openapi({ description: 'Of a million tokens, where it is known' }),
    kind: z
      .enum(['model', 'policy', 'route', 'pattern', 'agent'])
      .openapi({ description: 'What stands behind the name' }),
  })
  .openapi('Model');

const ModelList = z
  .object({
    object: z.literal('list'),
    data: z.array(Model),
    has_more: z.literal(false),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .openapi('ModelList');

const tags = ['compatible'];
const dialect = 'openai';

const listRoute = route({
  may: 'read',
  method: 'get',
  path: '/v1/models',
  tags,
  summary: 'Everything that can be asked: models, policies, routers and patterns',
  answers: { 200: json('All of it', ModelList) },
  dialect,
});

const showRoute = route({
  may: 'read',
  method: 'get',
  // The slash of a ref is escaped, as clients do.
  path: '/v1/models/{id}',
  tags,
  summary: 'One of them',
  request: {
    params: z.object({
      id: z.string().openapi({ param: { name: 'id', in: 'path' }, description: '`provider/model` or a name' }),
    }),
  },
  answers: { 200: json('The model', Model) },
  dialect,
});

export function addModelsRoutes(app: GatewayApp): void {
  app.openapi(listRoute, async (c) => {
    const data = (await c.var.client.models.list()).map(described);
    const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return c.json({ object: 'list' as const, data, has_more: false as const, ...ends }, 200);
  });

  app.openapi(showRoute, async (c) => {
    const { id } = c.req.valid('param');
    const found = (await c.var.client.models.list()).find((one) => one.id === id);
    if (found) return c.json(described(found), 200);
    throw new CadenzaError('NotFound', {
      type: 'ModelNotFound',
      message: `No model "${id}" is listed.`,
      hint: 'GET /v1/models lists all names; several with commas between can be asked, and are not listed.',
      path: 'model',
    });
  });
}

function described({ id, kind, ownedBy, price }: NamedModel): z.infer<typeof Model> {
  return {
    ...{ id, object: 'model', created: UNKNOWN_DATE, owned_by: ownedBy, kind },
    ...{ type: 'model', display_name: id, created_at: new Date(UNKNOWN_DATE).toISOString() },
    ...(price && {
      price_usd: { input_per_million: price.inputPerMillion, output_per_million: price.outputPerMillion },
    }),
  };
}
