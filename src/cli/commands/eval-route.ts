import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../config/index.ts';
import { invalidRequest, Route } from '../../contract/index.ts';
import type { Classify, EvalRecord, Evaluation } from '../../evaluation/routing/index.ts';
import { CliFailure, usageError } from '../failure.ts';
import { findTarget, lookForTarget } from '../find-target.ts';
import { openLog } from '../log.ts';
import { printJson, printLine, quiet, wantsJson } from '../output.ts';
import { checkOutput } from '../output-file.ts';
import { parseJson, readNamed } from '../read-input.ts';
import { withClient } from '../with-client.ts';

interface EvalFlags {
  data?: string;
  fromLedger?: boolean;
  hours: number;
  routes: string;
  out: string;
  weak?: string;
  strong?: string;
}

/** Adds `eval route` to `eval`. */
export function configureRoute(evaluation: Command): void {
  evaluation
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
      checkOutput('--out', flags.out, { isFolder: true, makesFolders: true });
      const evaluation = await evaluateRoutes(flags);
      const files = await writeReport(evaluation, flags.out);
      if (wantsJson(command)) printJson({ ...withoutDecisions(evaluation), files });
      else await printEvaluation(evaluation, files);
    });
}

async function evaluateRoutes(flags: EvalFlags): Promise<Evaluation> {
  const [{ loadConfig }, { providerRegistry }, { evaluate, prepare }] = await Promise.all([
    import('../../config/index.ts'),
    import('../../providers/index.ts'),
    import('../../evaluation/routing/index.ts'),
  ]);
  const config = await loadConfig();
  const routes = readRoutes(flags.routes, config);
  const records = await recordsOf(flags);
  const providers = providerRegistry({ config, env: process.env });
  try {
    const prepared = await prepare({ records, routes, config, providers, classify });
    return evaluate({ routes, ...prepared, weak: flags.weak, strong: flags.strong });
  } finally {
    await providers.close();
  }
}

/** The routers `--routes` names: a file with one or with several by their names, or names of the config. */
function readRoutes(given: string, config: Config): Record<string, Route> {
  if (given.endsWith('.json')) return fromFile(given);
  const names = given.split(',').map((name) => name.trim());
  return Object.fromEntries(
    names.filter(Boolean).map((name) => {
      const route = Object.hasOwn(config.routes, name) ? config.routes[name] : undefined;
      if (route) return [name, route];
      const known = Object.keys(config.routes);
      const hint = known.length === 0 ? 'The config has none.' : `Known: ${known.join(', ')}.`;
      throw usageError(`There is no route named "${name}" in the config.`, `${hint} --routes also takes a .json file.`);
    }),
  );
}

function fromFile(file: string): Record<string, Route> {
  const read = parseJson(readNamed(file, '--routes takes a .json file, or names of the config.'), file) as Record<
    string,
    unknown
  >;
  const routes = typeof read?.strategy === 'string' ? { route: read } : read;
  return Object.fromEntries(
    Object.entries(routes).map(([name, route]) => {
      const parsed = Route.safeParse(route);
      if (!parsed.success) throw usageError(`${file}: ${invalidRequest(parsed.error, name).message}.`);
      return [name, parsed.data];
    }),
  );
}

async function recordsOf({ data, fromLedger, hours }: EvalFlags): Promise<EvalRecord[]> {
  if ((data === undefined) === (fromLedger === undefined)) throw usageError('Give either --data or --from-ledger.');
  if (data === undefined) return recordsOfPastRuns(process.env, hours);
  const { readRecords } = await import('../../evaluation/routing/index.ts');
  return readRecords(readNamed(data), data);
}

async function recordsOfPastRuns(env: NodeJS.ProcessEnv, hours: number): Promise<EvalRecord[]> {
  const { databaseUrl, temporalAddress, namespace } = findTarget(env);
  const [
    { Connection },
    { dataConverter },
    { noTemporal },
    { encryptionKeys, loadConfig, temporalTarget },
    { secretsOf },
    { openStore },
    { pastComparisons },
  ] = await Promise.all([
    import('@temporalio/client'),
    import('../../client/index.ts'),
    import('../../client/errors.ts'),
    import('../../config/index.ts'),
    import('../../providers/index.ts'),
    import('../../store/index.ts'),
    import('../../evaluation/routing/index.ts'),
  ]);
  const encryption = await encryptionKeys(env, await loadConfig());
  const store = await openStore({ url: databaseUrl, log: openLog(env, 'error'), encryption });
  try {
    const { connection: address } = temporalTarget({ address: temporalAddress, namespace }, env);
    const connection = await Connection.connect(address as Parameters<typeof Connection.connect>[0]).catch((cause) => {
      throw noTemporal(temporalAddress, cause);
    });
    try {
      const codecs = dataConverter(store, secretsOf(env)).payloadCodecs;
      return await pastComparisons({ store, connection, namespace, codecs }, hours);
    } finally {
      await connection.close();
    }
  } finally {
    await store.close();
  }
}

/** Asks the classifiers of routers about the prompts the data does not say it of. */
const classify: Classify = async (name, route, texts) => {
  if (!lookForTarget(process.env)) {
    throw new CliFailure(
      `The classifier "${name}" has to be asked about ${texts.length} prompts, and nothing is running here.`,
      {
        hint: 'Start it with npm start, or give each record what it said: "classified": {"label": ..., "confidence": ...}.',
      },
    );
  }
  const { classifyByRuns } = await import('../../evaluation/routing/index.ts');
  return withClient((client) => classifyByRuns(client, route, texts));
};

async function writeReport(evaluation: Evaluation, folder: string): Promise<{ curve: string; decisions: string }> {
  const { drawChart } = await import('../../evaluation/routing/index.ts');
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

async function printEvaluation(evaluation: Evaluation, files: { curve: string; decisions: string }): Promise<void> {
  const { evaluationTable, savingLines } = await import('../views/route-evaluation.ts');
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
