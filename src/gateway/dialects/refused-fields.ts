import { z } from '@hono/zod-openapi';

/** A parameter that is known and cannot be had: only null says nothing. */
export function refused(why = 'This parameter is not supported here') {
  return z
    .null({ error: why })
    .optional()
    .openapi({ description: `Refused: ${why}` });
}

/** A parameter whose every value but the one that changes nothing is refused. */
export function only<const Value extends string | number | boolean>(...values: Value[]) {
  return z
    .literal(values, { error: `Only ${values.map((one) => JSON.stringify(one)).join(' or ')} is supported here` })
    .nullish();
}

/** A parameter that has no effect on the answer. */
export const noEffect = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().openapi({ description: 'Taken, without an effect' });
