import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import type { CrewProject } from '../../client/index.ts';
import { asText, type CrewResult, type PolicyRef, withoutUndefined } from '../../contract/index.ts';
import { CliFailure, usageError } from '../failure.ts';
import { BUDGET_FLAG, POLICY_FLAG } from '../flags.ts';
import { plainText, printNote, wantsJson } from '../output.ts';
import { checkOutput, isSystemError } from '../output-file.ts';
import { readInput } from '../read-input.ts';
import { showRun } from '../show-run.ts';
import { startRun } from '../start-run.ts';
import { withClient } from '../with-client.ts';

interface CrewFlags {
  input?: string[];
  process?: string;
  assign?: string[];
  policy?: PolicyRef;
  manager?: string;
  out?: string;
  watch?: boolean;
  id?: string;
  tenant?: string;
  budget?: number;
}

export function configure(crew: Command): void {
  crew
    .command('run')
    .description('Run the crew of a folder with agents.yaml and tasks.yaml, as CrewAI has them')
    .argument('<folder>', 'the folder of the files, or a CrewAI project: its config/ or src/*/config/')
    .option(
      '-i, --input <key=value...>',
      'values of the {placeholders}: topic=rivers; or JSON, a file of it, or - for stdin',
    )
    .option('--process <name>', 'sequential, or hierarchical: a manager gives the tasks out')
    .option('--assign <task=agent...>', 'who does a task that names no agent in tasks.yaml')
    .option(...POLICY_FLAG)
    .option('--manager <name|model>', 'a policy or model for the manager of a hierarchical crew')
    .option('-o, --out <folder>', 'where the files go that tasks name as output_file; else they are not written')
    .option('-w, --watch', 'show the words as they come')
    .option('--id <id>', 'the id of the run; given twice, the same run')
    .option('--tenant <name>', 'for whom it runs')
    .option(...BUDGET_FLAG)
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza crew run examples/crew --input topic="oxbow lakes" --watch
  $ cadenza crew run my_project --input inputs.json --process hierarchical --policy strong --json`,
    )
    .action((folder: string, flags: CrewFlags, command: Command) => run(folder, flags, wantsJson(command)));
}

async function run(folder: string, flags: CrewFlags, json: boolean): Promise<void> {
  const { readCrewProject } = await import('../../client/crewai/read-project.ts');
  const project = readCrewProject(folder);
  const inputs = await inputsIn(flags.input);
  const { process, policy, manager, out, watch = false, id, tenant, budget: budgetUsd } = flags;
  const crew = assigned(policy === undefined ? project.crew : withoutModels(project.crew), flags.assign);
  tellLeftOut(project, out !== undefined);
  if (process !== 'hierarchical') checkAssigned(crew);
  const input = withoutUndefined({ ...crew, inputs, process, policy, manager: manager && { policy: manager } });
  const files = out === undefined ? undefined : filesIn(out, project.outputFiles, inputs);
  await withClient(async (client, target) => {
    const started = await startRun(client, 'crew', input, { id, tenant, budgetUsd });
    await showRun({ client, target, id: started.id, pattern: 'crew' }, { watch, json });
    const again = `cadenza crew run ${folder} --id ${started.id} --out <folder>`;
    if (files) write(files, (await client.result(started.id)) as CrewResult, again);
  });
}

/** `topic=rivers year=2027`, or JSON as other commands take it. */
async function inputsIn(given: string[] = []): Promise<Record<string, unknown>> {
  const [first] = given;
  if (given.length === 1 && !/^[A-Za-z_][\w-]*=/.test(first!))
    return (await readInput(first!)) as Record<string, unknown>;
  return Object.fromEntries(given.map((pair) => asPair(pair, '--input', 'key=value')));
}

function asPair(pair: string, flag: string, form: string): [string, string] {
  const at = pair.indexOf('=');
  if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)];
  throw usageError(`${flag} "${pair}" is not ${form}.`, 'The folder of the crew comes before the flags.');
}

function assigned({ agents, tasks }: CrewProject['crew'], given: string[] = []): CrewProject['crew'] {
  const all = { ...(tasks as Record<string, object>) };
  for (const [task, agent] of given.map((pair) => asPair(pair, '--assign', 'task=agent'))) {
    if (!Object.hasOwn(all, task)) throw usageError(`--assign ${task}=${agent}: there is no task "${task}".`);
    all[task] = { ...all[task], agent };
  }
  return { agents, tasks: all as CrewProject['crew']['tasks'] };
}

/** CrewAI's older projects say it in Python, which is not read. */
function checkAssigned({ agents, tasks }: CrewProject['crew']): void {
  const all = Object.entries(tasks as Record<string, { agent?: string }>);
  const open = all.filter(([, { agent }]) => agent === undefined).map(([task]) => task);
  const names = Object.keys(agents);
  if (open.length === 0 || names.length === 1) return;
  throw usageError(
    `These tasks name no agent: ${open.join(', ')}.`,
    `Say who does them: --assign ${open[0]}=${names[0]} ..., or leave it to a manager: --process hierarchical. Agents: ${names.join(', ')}`,
  );
}

/** The command line's policy is for all, whatever the files say. */
function withoutModels({ agents, tasks }: CrewProject['crew']): CrewProject['crew'] {
  const rest = Object.entries(agents).map(([name, { llm: _, policy: __, ...agent }]) => [name, agent]);
  return { agents: Object.fromEntries(rest), tasks };
}

function tellLeftOut({ leftOut, outputFiles }: CrewProject, writes: boolean): void {
  const lines = leftOut.map(({ file, field, of }) => `  ${file}.yaml: ${field} (${of.join(', ')})`);
  const files = Object.keys(outputFiles);
  if (files.length > 0 && !writes)
    lines.push(`  tasks.yaml: output_file (${files.join(', ')}); with --out <folder> the files are written`);
  if (lines.length > 0) printNote(`Not supported, and left out:\n${lines.join('\n')}`);
}

/** What goes where: the texts of tasks by their `output_file`. @throws CliFailure where one cannot be written there */
function filesIn(out: string, files: Record<string, string>, inputs: Record<string, unknown>): Map<string, string> {
  checkOutput('--out', out, { isFolder: true, makesFolders: true });
  return new Map(
    Object.entries(files).map(([task, named]) => {
      const name = named.replaceAll(/\{([A-Za-z_][\w-]*)\}/g, (whole, key: string) => asText(inputs[key] ?? whole));
      const file = path.resolve(out, name);
      if (path.relative(out, file).startsWith('..'))
        throw usageError(`output_file of ${task} leads out of ${out}: ${name}`);
      checkOutput(`output_file of ${task}`, file, { makesFolders: true });
      return [task, file];
    }),
  );
}

function write(files: Map<string, string>, { tasks }: CrewResult, again: string): void {
  for (const [task, file] of files) {
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, tasks[task]?.text ?? '');
    } catch (error) {
      const reason = isSystemError(error) ? error.code : String(error);
      throw new CliFailure(`${file} could not be written (${reason}).`, { hint: `The run is kept. Again: ${again}` });
    }
    printNote(`Wrote ${plainText(path.relative(process.cwd(), file))}`);
  }
}
