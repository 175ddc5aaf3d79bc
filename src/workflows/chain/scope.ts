import {
  asText,
  type ChainStep,
  type ChainStepResult,
  fillIn,
  MOST_ITEMS,
  type Reference,
  shortened,
  valueAt,
} from '../../contract/index.ts';
import { failure } from '../failures.ts';

/** What the templates of a step are filled in from. */
export interface Scope {
  input: unknown;
  /** what steps gave so far; one that was skipped is not there */
  results: Map<string, ChainStepResult>;
  item?: unknown;
  /** of `item`, from 0 */
  index?: number;
  /** what the round before gave: one step's result, or a group's by their ids */
  previous?: unknown;
  /** from 1 */
  round?: number;
}

/** What references lead to; null if nothing is there. The text of a step that was skipped is empty. */
export function lookUpIn(scope: Scope): (reference: Reference) => unknown {
  return ({ path: [root, ...rest] }) => {
    if (root !== 'steps') return valueAt(scope[root as keyof Scope], rest) ?? null;
    const [id, ...fields] = rest;
    const result = scope.results.get(id!);
    return result === undefined && fields[0] === 'text' ? '' : (valueAt(result, fields) ?? null);
  };
}

/** The items a step goes over; those of a step that was skipped are none. @throws InvalidRequest for what is no list */
export function itemsFor({ id, forEach }: ChainStep, scope: Scope): unknown[] {
  const items = fillIn(forEach, lookUpIn(scope)) ?? [];
  if (!Array.isArray(items)) {
    const message = `Step "${id}" goes over ${forEach}, which is no list: ${shortened(asText(items), 80)}`;
    throw failure({ type: 'InvalidRequest', message, step: id });
  }
  if (items.length <= MOST_ITEMS) return items;
  const message = `Step "${id}" goes over ${items.length} items; a chain takes ${MOST_ITEMS} at most. Use the pattern map`;
  throw failure({ type: 'InvalidRequest', message, step: id });
}
