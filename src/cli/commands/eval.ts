import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { Cadenza } from '../../client/cadenza.ts';
import type { EvaluationDefinition, EvaluationReport } from '../../contract/index.ts';
import type { EvaluationProgress } from '../../evaluation/index.ts';
import { CliFailure, interrupted, usageError } from '../failure.ts';
import { BUDGET_FLAG } from '../flags.ts';
import { onInterrupt } from '../interruption.ts';
import { printJson, printLine, printNote, quiet, wantsJson } from '../output.ts';
import { checkOutput, isSystemError } from '../output-file.ts';
import { checkReadable } from '../read-input.ts';
import { drawProgress } from '../views/map-progress.ts';
import { ago } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withClient } from '../with-client.ts';
import { configureRoute } from './eval-route.ts';

interface EvalFlags {
  gate?: boolean;
  baseline?: string;
  saveBaseline?: string;
  fresh?: boolean;
  resume?: string;
  repeats?: number;
  rows?: number;
  concurrency?: number;
  budget?: number;
  tenant?: string;
  report?: string;
  junit?: string;
  markdown?: string;
}

export function configure(command: Command): void {
  command
    .argument('[file]', 'an evaluation, in YAML or JSON')
    .option('--gate', 'exit with 1 unless the gate of the evaluation is passed')
    .option('--baseline <name|file.json>', 'what results are held against')
    .option('--save-baseline <name|file.json>', 'keep the results for later ones; with --gate, only where it is passed')
    .option('--fresh', 'ask everything anew, instead of going on with the same evaluation')
    .option('--resume <token>', 'go on with a --fresh one')
    .option('--repeats <n>', 'how often each row is asked', asCount('--repeats'))
    .option('--rows <n>', 'only the first rows', asCount('--rows'))
    .option('-c, --concurrency <n>', 'rows asked at once (16)', asCount('--concurrency'))
    .option(...BUDGET_FLAG)
    .option('--tenant <name>', 'for whom it runs')
    .option('--report <file.json>', 'where the whole report goes, with every answer')
    .option('--junit <file.xml>', 'a report for CI: a test for each row')
    .option('--markdown <file.md>', 'a summary for CI or a pull request; added to what the file has')
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza eval examples/evaluation/capitals.yaml
  $ cadenza eval capitals.yaml --save-baseline capitals.baseline.json
  $ cadenza eval capitals.yaml --gate --baseline capitals.baseline.json --markdown "$GITHUB_STEP_SUMMARY"`,
    )
    .action(async (file: string | undefined, flags: EvalFlags) => {
      await evaluateFile(checkedFile(file, flags), flags, wantsJson(command));
    });
  command
    .command('baselines')
    .description('List the baselines that are kept in the store, newest first')
    .option('--remove <name>', 'forget one instead')
    .action(async ({ remove }: { remove?: string }, own: Command) => {
      await withClient((client) => listBaselines(client, remove, wantsJson(own)));
    });
  configureRoute(command);
}

function checkedFile(file: string | undefined, flags: EvalFlags): string {
  const { fresh, resume, report, junit, markdown, saveBaseline } = flags;
  if (file === undefined) {
    throw usageError('Name the file of an evaluation.', 'For example: cadenza eval examples/evaluation/capitals.yaml');
  }
  checkReadable(file);
  if (fresh && resume !== undefined) throw usageError('--fresh and --resume do not go together.');
  const baseline = saveBaseline?.endsWith('.json') ? saveBaseline : undefined;
  const outputs = { '--report': report, '--junit': junit, '--markdown': markdown, '--save-baseline': baseline };
  for (const [flag, output] of Object.entries(outputs)) {
    if (output !== undefined) checkOutput(flag, output, { makesFolders: true });
  }
  return file;
}

async function evaluateFile(file: string, flags: EvalFlags, json: boolean): Promise<void> {
  const [{ evaluate, findBaseline, readEvaluation }, { loadConfig }] = await Promise.all([
    import('../../evaluation/index.ts'),
    import('../../config/index.ts'),
  ]);
  const definition = withFlags(readEvaluation(readFileSync(file, 'utf8'), file), flags);
  const token = flags.resume ?? (flags.fresh ? Date.now().toString(36) : undefined);
  const { prices } = await loadConfig();
  const report = await withClient(async (shared) => {
    const client = flags.tenant === undefined ? shared : shared.as({ role: 'admin', tenant: flags.tenant });
    // What is named on the command line lies where that was typed.
    const baseline =
      flags.baseline === undefined ? undefined : await findBaseline(client, flags.baseline, process.cwd());
    if (flags.gate && definition.gate === undefined && baseline === undefined) {
      throw usageError(`${file} has no gate.`, 'Give it one, for example gate: {minScore: 0.8}, or name a --baseline.');
    }
    const interrupt = onInterrupt();
    const bar = json ? undefined : progressBars();
    try {
      const done = await evaluate(client, definition, {
        ...{ folder: path.dirname(file), fresh: token, rows: flags.rows, baseline, prices },
        ...{ signal: interrupt.signal, onProgress: bar?.show },
      });
      await saveBaseline(client, done, flags);
      return done;
    } catch (error) {
      if (!interrupt.signal.aborted) throw error;
      throw interrupted(
        `\nStopped watching. Its runs go on; the same command shows what became of them${token === undefined ? '' : `, with --resume ${token} instead of --fresh`}.`,
      );
    } finally {
      bar?.stop();
      interrupt.done();
    }
  });
  if (json) printJson(report);
  else await printReport(report);
  await writeFiles(report, flags);
  if (flags.gate && report.gate?.passed === false) throw await gateFailed(report);
}

function withFlags(definition: EvaluationDefinition, flags: EvalFlags): EvaluationDefinition {
  const { repeats = definition.repeats, concurrency = definition.concurrency, budget = definition.budgetUsd } = flags;
  return { ...definition, repeats, concurrency, budgetUsd: budget };
}

/** A bar for the answers, and one for each scorer that asks. */
function progressBars() {
  let bar = drawProgress();
  let shown: EvaluationProgress['what'] = 'answers';
  return {
    show({ what, ...progress }: EvaluationProgress) {
      if (what !== shown) {
        bar.stop();
        bar = drawProgress();
        shown = what;
      }
      bar.show({ ...progress, secondsLeft: null, usdLeft: null });
    },
    stop: () => bar.stop(),
  };
}

async function saveBaseline(client: Cadenza, report: EvaluationReport, { saveBaseline: name, gate }: EvalFlags) {
  if (name === undefined) return;
  if (gate && report.gate?.passed === false) return printNote(`The baseline ${name} stays as it is: the gate failed.`);
  const { baselineOf } = await import('../../evaluation/index.ts');
  const baseline = baselineOf(report.evaluation, report.variants, new Date().toISOString());
  if (name.endsWith('.json')) write(name, `${JSON.stringify(baseline, null, 2)}\n`);
  else await client.baselines.save(name, baseline);
}

async function writeFiles(report: EvaluationReport, { report: file, junit, markdown }: EvalFlags): Promise<void> {
  if (file !== undefined) write(file, `${JSON.stringify(report, null, 2)}\n`);
  if (junit === undefined && markdown === undefined) return;
  const { junitOf, markdownOf } = await import('../views/evaluation-files.ts');
  if (junit !== undefined) write(junit, junitOf(report));
  if (markdown !== undefined) write(markdown, `${markdownOf(report)}\n`, 'a');
}

function write(file: string, text: string, flag = 'w'): void {
  try {
    mkdirSync(path.dirname(path.resolve(file)), { recursive: true });
    writeFileSync(file, text, { flag });
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const hint = 'The answers are kept: the same command asks for none of them again, unless it is --fresh.';
    throw new CliFailure(`${file} could not be written (${error.code}).`, { hint });
  }
}

async function printReport(report: EvaluationReport): Promise<void> {
  const { comparisonLines, failingLines, reportCells, reportTitle } = await import('../views/evaluation-report.ts');
  const { heads, rows } = reportCells(report);
  const columns = heads.map((head) => ({ head }));
  printLine(quiet(reportTitle(report)));
  printLine(table(columns, rows));
  for (const variant of report.variants) {
    const lines = failingLines(variant);
    if (lines.length > 0) printLine(`\n${variant.variant}, rows that do not pass:`);
    for (const line of lines) printLine(`  ${line}`);
  }
  for (const { sentence, rows: worse } of comparisonLines(report)) {
    printLine(`\n${sentence}`);
    for (const line of worse) printLine(`  ${line}`);
  }
  if (report.gate) printLine(`\nGate ${report.gate.passed ? 'passed' : 'failed'}`);
  for (const reason of report.gate?.reasons ?? []) printLine(`  ${reason}`);
  const runs = report.variants.flatMap((variant) => variant.runs);
  printLine(quiet(`\nRuns: ${runs.join(', ')}`));
}

async function gateFailed(report: EvaluationReport): Promise<CliFailure> {
  const { comparisonLines } = await import('../views/evaluation-report.ts');
  const worse = comparisonLines(report).flatMap(({ rows }) => rows);
  return new CliFailure('The gate failed.', { hint: [...report.gate!.reasons, ...worse].join('\n  ') });
}

async function listBaselines(client: Cadenza, remove: string | undefined, json: boolean): Promise<void> {
  if (remove !== undefined) return client.baselines.remove(remove);
  const baselines = await client.baselines.list();
  if (json) return baselines.forEach(printJson);
  if (baselines.length === 0) return printLine('There are no baselines.');
  const columns = [{ head: 'BASELINE' }, { head: 'EVALUATION' }, { head: 'SAVED' }];
  const rows = baselines.map(({ name, evaluation, savedAt }) => [name, evaluation, ago(savedAt, Date.now())]);
  printLine(table(columns, rows));
}

function asCount(flag: string): (given: string) => number {
  return (given) => {
    const count = Number(given);
    if (Number.isInteger(count) && count >= 1) return count;
    throw usageError(`${flag} ${given} is no number from 1 on.`);
  };
}
