import type { JsonSchema } from '../contract/index.ts';
import { schemaCheck, schemaProblem } from '../providers/index.ts';
import type { Tool } from './tool.ts';

/** Checks arguments against a schema somebody else wrote. One that cannot be checked lets everything through: the tool says. */
export function argumentCheck(schema: JsonSchema): Tool['check'] {
  return async (args) => {
    if (schemaProblem(schema) !== undefined) return { args };
    const problem = schemaCheck(schema)(args);
    return problem === undefined ? { args } : { problem: problem.replaceAll('The answer', 'The arguments') };
  };
}
