import { createReadStream } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { Cadenza } from '../../client/cadenza.ts';
import { type DataFormat, type MapDefinition, type PolicyRef, withoutUndefined } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { BUDGET_FLAG, POLICY_FLAG } from '../flags.ts';
import { wantsJson } from '../output.ts';
import { checkOutput } from '../output-file.ts';
import { checkReadable, readInput } from '../read-input.ts';
import { startRun } from '../start-run.ts';
import { watchMap } from '../watch-map.ts';
import { withClient } from '../with-client.ts';

interface MapFlags {
  data?: string;
  out?: string;
  input?: string;
  concurrency?: number;
  policy?: PolicyRef;
  budget?: number;
  tenant?: string;
  id?: string;
  retryFailed?: string;
  resume?: string;
}

export function configure(command: Command): void {
  command
    .argument('[pattern]', 'ask, chain, compare, ...')
    .option('-d, --data <file|->', 'the rows: a .csv file, or JSONL')
    .option('-o, --out <file>', 'where the results go, one JSON object a line; else to stdout')
    .option(
      '-i, --input <json|file>',
      'the input of the pattern, with {{item.x}} for the fields of a row; else each row is one',
    )
    .option('-c, --concurrency <n>', 'rows worked on at once (16)', asCount)
    .option(...POLICY_FLAG)
    .option(...BUDGET_FLAG)
    .option('--tenant <name>', 'for whom it runs')
    .option('--id <id>', 'the id of the run; given twice, the same run')
    .option('--retry-failed <run id>', 'run only the rows that failed there; the output holds all')
    .option('--resume <run id>', 'go on with a run that was stopped; finished rows are not repeated')
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza map ask --data cities.csv --input '{"prompt":"Name a river in {{item.city}}"}' --out rivers.jsonl
  $ cadenza map ask --data questions.jsonl --out answers.jsonl --budget 5 --concurrency 32
  $ cadenza map --retry-failed map-42 --policy strong --out answers.jsonl`,
    )
    .action(async (pattern: string | undefined, flags: MapFlags) => {
      checkFlags(pattern, flags);
      const template = flags.input === undefined ? undefined : await readInput(flags.input);
      await withClient(async (client, target) => {
        const input = {
          ...(await definitionOf(client, pattern, flags, template)),
          ...withoutUndefined({ concurrency: flags.concurrency, policy: flags.policy }),
        };
        const { tenant, budget: budgetUsd, resume, id = resume } = flags;
        const run = await startRun(client, 'map', input, { id, tenant, budgetUsd });
        await watchMap({ client, target, id: run.id }, { out: flags.out, json: wantsJson(command) });
      });
    });
}

function checkFlags(pattern: string | undefined, { data, out, retryFailed, resume, input }: MapFlags): void {
  if (retryFailed !== undefined && resume !== undefined) {
    throw usageError('--retry-failed and --resume do not go together.', '--resume also runs the rows that failed.');
  }
  const earlier = retryFailed ?? resume;
  if (earlier === undefined && (pattern === undefined || data === undefined)) {
    throw usageError(
      'Name a pattern and --data.',
      'For example: cadenza map ask --data rows.jsonl --out answers.jsonl',
    );
  }
  if (earlier !== undefined && (pattern ?? data ?? input) !== undefined) {
    throw usageError(`The pattern, its input and the data are those of ${earlier}: leave them out.`);
  }
  if (data !== undefined && data !== '-') checkReadable(data);
  if (out !== undefined) checkOutput('--out', out);
}

async function definitionOf(
  client: Cadenza,
  pattern: string | undefined,
  { data, retryFailed, resume, tenant }: MapFlags,
  input: unknown,
): Promise<Partial<MapDefinition>> {
  if (resume !== undefined) return client.mapOf(resume);
  if (retryFailed !== undefined) return { ...(await client.mapOf(retryFailed)), after: retryFailed };
  const chunks = data === '-' ? process.stdin : createReadStream(data!);
  const format: DataFormat = path.extname(data!).toLowerCase() === '.csv' ? 'csv' : 'jsonl';
  const { id: source } = await client.upload(chunks, format, { tenant });
  return { pattern, source, ...(input === undefined ? {} : { input }) };
}

function asCount(given: string): number {
  const count = Number(given);
  if (!Number.isInteger(count) || count < 1) throw usageError(`--concurrency ${given} is no number of rows.`);
  return count;
}
