import { z } from 'zod';

// zod finds out once whether it may compile; it has to, before Temporal freezes it.
z.object({});

/**
 * A schema that is built when it is first used. Temporal evaluates modules anew for every workflow; those it may share
 * among workflows it freezes, which zod's schemas do not survive: they fill in parts of themselves as they are used.
 * Behind a proxy a schema is neither built for nothing nor frozen.
 */
export function later<Schema extends object>(build: () => Schema): Schema {
  let built: Schema | undefined;
  return new Proxy({} as Schema, {
    get(_, name) {
      built ??= build();
      return Reflect.get(built, name, built);
    },
    has(_, name) {
      built ??= build();
      return Reflect.has(built, name);
    },
  });
}
