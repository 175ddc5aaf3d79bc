import { suggestion } from '../nearest-names.ts';
import type { ChainProblem } from './chain-form.ts';
import {
  fillIn,
  isReference,
  type LookUp,
  parseTemplate,
  type Reference,
  TEMPLATE_HINT,
  textsIn,
  valueAt,
} from './template.ts';

/** A row of a data set; rows count from 1. */
export interface DataRow {
  row: number;
  item: unknown;
}

/** A map that says nothing of its input takes each row as it is. */
export const WHOLE_ITEM = '{{item}}';

/** What is wrong with a template over `{{item}}` and `{{row}}`. @param fields those that rows have, where that is known */
export function rowTemplateProblems(template: unknown, fields?: readonly string[]): ChainProblem[] {
  return [...textsIn(template)].flatMap(([path, text]) => {
    const parsed = parseTemplate(text);
    if ('problem' in parsed) return [{ path, message: `${parsed.problem}. ${TEMPLATE_HINT_FOR_ROWS}` }];
    return parsed.parts.filter(isReference).flatMap((reference) => {
      const problem = referenceProblem(reference, fields);
      return problem === undefined ? [] : [{ path, message: `{{${reference.text}}} is used, but ${problem}` }];
    });
  });
}

const TEMPLATE_HINT_FOR_ROWS = TEMPLATE_HINT.replace('{{input.topic}} or {{steps.plan.text}}', '{{item.name}}');

function referenceProblem({ path: [root, field] }: Reference, fields?: readonly string[]): string | undefined {
  if (root === 'row' && field === undefined) return undefined;
  if (root === 'row') return 'row is a number, and has no fields';
  if (root !== 'item') return `nothing is called "${root}".${suggestion(root!, ['item', 'row'])}`;
  if (field === undefined || fields === undefined || fields.includes(field)) return undefined;
  return `no row has a field "${field}".${suggestion(field, fields)}`;
}

/**
 * A template filled in for one row. A text that is one reference and nothing else becomes the value itself; in other texts
 * lists and objects stand as JSON, and null as nothing.
 * @param fill fills in what is read once more
 * @returns the value, or which field the row lacks
 */
export function fillInRow(
  template: unknown,
  data: DataRow,
  fill: (template: unknown, lookUp: LookUp) => unknown = fillIn,
): { input: unknown } | { problem: string } {
  const missing: string[] = [];
  const input = fill(template, ({ path, text }) => {
    const value = valueAt(data, path);
    if (value === undefined) missing.push(text);
    return value;
  });
  return missing.length === 0 ? { input } : { problem: `Row ${data.row} has no ${missing[0]}` };
}
