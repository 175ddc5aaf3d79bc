import { createReadStream, existsSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import type { Cadenza } from '../client/cadenza.ts';
import { readCsv } from '../client/data/read-csv.ts';
import { readJsonl } from '../client/data/read-jsonl.ts';
import { checked, refusal } from '../client/errors.ts';
import { EvaluationDefinition, MOST_EVALUATED_ROWS, withoutUndefined } from '../contract/index.ts';

/** An evaluation as a YAML or JSON text has it. @param source what errors call it @throws CadenzaError naming the line or the field */
export function readEvaluation(text: string, source: string): EvaluationDefinition {
  const document = parseDocument(text);
  const [mistake] = document.errors;
  if (mistake) throw refusal('InvalidRequest', `${source} is not YAML: ${mistake.message.split('\n')[0]}`);
  return checked(EvaluationDefinition, document.toJS(), source);
}

/** The rows of an evaluation. @param folder where its files lie @throws CadenzaError where there are none, or too many */
export async function loadRows(
  data: EvaluationDefinition['data'],
  folder: string,
  client: Pick<Cadenza, 'votedRuns'>,
): Promise<unknown[]> {
  if (Array.isArray(data)) return data;
  if (typeof data === 'string') return rowsOfFile(path.resolve(folder, data));
  const { hours, limit } = data;
  const runs = await client.votedRuns({ hours, limit });
  if (runs.length > 0) return runs.map((run) => withoutUndefined({ ...run }));
  throw refusal('NotFound', `Nobody has voted on a comparison that began in the last ${hours} hours`, {
    hint: 'Vote on the page of a comparison, or give data a file',
    path: 'data',
  });
}

async function rowsOfFile(file: string): Promise<unknown[]> {
  if (!existsSync(file)) throw refusal('InvalidRequest', `data: There is no file "${file}"`, { path: 'data' });
  const read = path.extname(file).toLowerCase() === '.csv' ? readCsv : readJsonl;
  const rows: unknown[] = [];
  for await (const row of read(createReadStream(file))) {
    if (rows.length === MOST_EVALUATED_ROWS) {
      const hint = 'Evaluate a sample: more rows than some hundred narrow the interval little';
      throw refusal('InvalidRequest', `${file} has more than ${MOST_EVALUATED_ROWS} rows`, { path: 'data', hint });
    }
    rows.push(row);
  }
  if (rows.length === 0) throw refusal('InvalidRequest', `${file} has no rows`, { path: 'data' });
  return rows;
}
