import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { Evaluation } from '../eval/evaluate.ts';
import type { EvalRecord } from '../eval/records.ts';
import { usageError } from '../failure.ts';
import { printJson, printLine, quiet, wantsJson } from '../output.ts';

interface EvalFlags {
  data?: string;
  fromLedger?: boolean;
  hours: number;
  routes: string;
  out: string;
  weak?: string;
  strong?: string;
}

export function addEval(program: Command): void {
  const evaluate = program.command('eval').description('Measure how good choices are, by data whose outcome is known');
  evaluate
    .command('route')
    .description('Replay a labelled data set through routers: quality against cost, as a table and a curve')
    .option('--data <file>', 'one JSON object a line: a prompt, and what each model made of it')
    .option('--from-ledger', 'past runs of compare that had a judge, instead of a file')
    .option('--hours <number>', 'how far back those may lie', asHours, 7 * 24)
    .requiredOption('--routes <file|names>', 'a .json file with routes by their names, or names of the config: a,b')
    .option('--out <dir>', 'where the curve (curve.svg) and all decisions (decisions.jsonl) go', 'routing-evaluation')
    .option('--weak <label>', 'the baseline below; else the cheapest choice')
    .option('--strong <label>', 'the baseline above; else the best choice')
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza eval route --data examples/route/prompts.jsonl --routes examples/route/routes.json
  $ cadenza eval route --from-ledger --routes support,triage --out report --json`,
    )
    .action(async (flags: EvalFlags, command: Command) => {
      const evaluation = await evaluated(flags);
      const files = await written(evaluation, flags.out);
      if (wantsJson(command)) printJson({ ...withoutDecisions(evaluation), files });
      else await show(evaluation, files);
    });
}

async function evaluated(flags: EvalFlags): Promise<Evaluation> {
  const [{ loadConfig }, { providerRegistry }, { evaluate }, { prepare }, { readRoutes }, { classifyByRuns }] =
    await Promise.all([
      import('../../config/index.ts'),
      import('../../providers/index.ts'),
      import('../eval/evaluate.ts'),
      import('../eval/prepare.ts'),
      import('../eval/read-routes.ts'),
      import('../eval/classify.ts'),
    ]);
  const config = await loadConfig();
  const routes = readRoutes(flags.routes, config);
  const records = await recordsOf(flags);
  const providers = providerRegistry({ config, env: process.env });
  try {
    const looked = await prepare({ records, routes, config, providers, classify: classifyByRuns });
    return evaluate({ routes, ...looked, weak: flags.weak, strong: flags.strong });
  } finally {
    await providers.close();
  }
}

async function recordsOf({ data, fromLedger, hours }: EvalFlags): Promise<EvalRecord[]> {
  if ((data === undefined) === (fromLedger === undefined)) throw usageError('Give either --data or --from-ledger.');
  if (data === undefined) return (await import('../eval/past-runs.ts')).recordsOfPastRuns(process.env, hours);
  const { readRecords } = await import('../eval/records.ts');
  return readRecords(readData(data), data);
}

function readData(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw usageError(`The file "${file}" cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}

async function written(evaluation: Evaluation, folder: string): Promise<{ curve: string; decisions: string }> {
  const { drawChart } = await import('../eval/chart.ts');
  const files = { curve: path.join(folder, 'curve.svg'), decisions: path.join(folder, 'decisions.jsonl') };
  mkdirSync(folder, { recursive: true });
  writeFileSync(files.curve, await drawChart(evaluation));
  const lines = evaluation.routers.flatMap(({ name, decisions }) =>
    decisions.map((decision, index) => JSON.stringify({ route: name, record: index + 1, ...decision })),
  );
  writeFileSync(files.decisions, `${lines.join('\n')}\n`);
  return files;
}

function withoutDecisions({ routers, ...evaluation }: Evaluation): object {
  return { ...evaluation, routers: routers.map(({ decisions: _, ...router }) => router) };
}

async function show(evaluation: Evaluation, files: { curve: string; decisions: string }): Promise<void> {
  const { evaluationTable, savingLines } = await import('../eval/views.ts');
  printLine(evaluationTable(evaluation));
  printLine('');
  for (const line of savingLines(evaluation)) printLine(line);
  printLine('');
  printLine(quiet(`${evaluation.records} prompts. The curve: ${files.curve}, all decisions: ${files.decisions}`));
}

function asHours(given: string): number {
  const hours = Number(given);
  if (hours > 0 && Number.isFinite(hours)) return hours;
  throw usageError(`--hours ${given} is no number of hours above 0.`);
}
