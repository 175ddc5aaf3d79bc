import { setTimeout as delay } from 'node:timers/promises';
import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { VERSION } from './version.ts';

type Load = () => Promise<{ configure(command: Command): void }>;

/** Every command: what it does, and its file, which is loaded when it is called. */
const COMMANDS: Record<string, [description: string, load: Load]> = {
  dev: [
    'Start all that is needed on this machine, and keep it running until Ctrl-C',
    () => import('./commands/dev.ts'),
  ],
  init: ['Make a project of your own: a workflow, its worker, its test', () => import('./commands/init.ts')],
  exec: [
    'Run a program of yours with the addresses of what runs here in its environment',
    () => import('./commands/exec.ts'),
  ],
  run: ['Start a run, and wait for its result', () => import('./commands/run.ts')],
  watch: ['Show what a run says, from its beginning to its end', () => import('./commands/watch.ts')],
  compare: ['Ask several models the same thing, side by side', () => import('./commands/compare.ts')],
  chat: [
    'Talk with a model: each line is a message, each answer streams as it comes',
    () => import('./commands/chat.ts'),
  ],
  graph: ['Draw a chain as a Mermaid flowchart; nothing is started', () => import('./commands/graph.ts')],
  crew: ['Run the crew of a folder: agents and tasks in YAML, as CrewAI has them', () => import('./commands/crew.ts')],
  map: ['Run a pattern for each row of a file, and write what became of them', () => import('./commands/map.ts')],
  runs: ['List runs, newest first', () => import('./commands/runs.ts')],
  bill: ['Show what a run has cost, call by call', () => import('./commands/bill.ts')],
  budget: ['What a tenant or an API key may spend, all its runs together', () => import('./commands/budget.ts')],
  spend: [
    'Show what was spent over some days, by day, model, tenant, key or pattern',
    () => import('./commands/spend.ts'),
  ],
  keys: ['Make, list, rotate and revoke API keys of the gateway', () => import('./commands/keys.ts')],
  audit: ['Show who approved, cancelled, forked, and changed budgets or keys', () => import('./commands/audit.ts')],
  send: ['Give an agent a message, which it reads at its next turn', () => import('./commands/send.ts')],
  stop: ['Stop an agent, which ends with what it has; any other run is cancelled', () => import('./commands/stop.ts')],
  'tool-result': [
    'Give the result of a tool that the client of an agent runs',
    () => import('./commands/tool-result.ts'),
  ],
  cancel: ['Ask a run to stop; its calls in flight are aborted', () => import('./commands/cancel.ts')],
  fork: [
    'Run again from a step on, with another model or prompt; the steps before cost nothing',
    () => import('./commands/fork.ts'),
  ],
  approvals: ['List the approvals that runs wait for, longest waiting first', () => import('./commands/approvals.ts')],
  approve: ['Answer an approval that a run waits for', () => import('./commands/approve.ts')],
  schedule: ['Start a pattern again and again', () => import('./commands/schedule.ts')],
  prune: ['Forget what is older than the config keeps', () => import('./commands/prune.ts')],
  doctor: ['Look for what is missing or broken, and say what mends it', () => import('./commands/doctor.ts')],
  eval: [
    'Ask every row of a data set, score the answers, and fail where they are worse than they were',
    () => import('./commands/eval.ts'),
  ],
  worker: ['Run a worker alone: it does the work of runs that others start', () => import('./commands/worker.ts')],
  gateway: [
    'Serve HTTP alone: it starts and shows runs that workers elsewhere do',
    () => import('./commands/gateway.ts'),
  ],
  deploy: ['See which builds runs are on, and give new runs to another', () => import('./commands/deploy.ts')],
  mcp: ['Serve patterns and workflows to an MCP client over stdio', () => import('./commands/mcp.ts')],
  serve: ['Run worker and gateway in one process', () => import('./commands/serve.ts')],
};

/** The reader has seen enough, or its end was said before. */
const GONE = ['EPIPE', 'ERR_STREAM_DESTROYED'];

/** So long V8 may take to end what it is compiling beside this thread, ms. */
const COMPILES_WITHIN_MS = 50;

function createProgram(): Command {
  const program = new Command('cadenza')
    .description('Durable AI orchestration on Temporal')
    .option('--json', 'print one JSON object a line, for programs')
    .version(VERSION)
    .configureHelp({ showGlobalOptions: true })
    // An error is said by `report`, where nothing but it may stand on stderr.
    .configureOutput({ outputError: () => {}, ...(wantsJson() ? { writeErr: () => {} } : {}) })
    .exitOverride();
  for (const [name, [description]] of Object.entries(COMMANDS)) program.command(name).description(description);
  program.hook('preSubcommand', async (_, command) => {
    const [, load] = COMMANDS[command.name()]!;
    (await load()).configure(command);
  });
  return program;
}

/** Runs one command line. @returns the exit code: 0 only on success, 2 for bad input, 130 after Ctrl-C, else 1 */
async function runProgram(argv: string[]): Promise<number> {
  // A reader that has seen enough (`cadenza runs | head -1`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EPIPE' ? process.exit(0) : void endUnwritten(error),
  );
  try {
    // The hook configures what is parsed; commander's own `help <command>` would show it as it is without.
    const [node, script, first, ...rest] = argv;
    await createProgram().parseAsync(first === 'help' ? [node!, script!, ...rest, '--help'] : argv);
    return 0;
  } catch (thrown) {
    // Help and version, which are thrown too.
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    return report(thrown);
  }
}

/** What comes after `--` is of another program. */
function wantsJson(): boolean {
  const end = process.argv.indexOf('--');
  return process.argv.slice(2, end === -1 ? undefined : end).includes('--json');
}

/** A full disk: the output that was asked for is not there. */
function endUnwritten(error: Error): Promise<never> {
  unwritten ??= report(new Error(`The output could not be written: ${error.message}`)).then((code) =>
    process.exit(code),
  );
  return unwritten;
}

let unwritten: Promise<never> | undefined;

async function report(thrown: unknown): Promise<number> {
  const { describe, EXIT } = await import('./failure.ts');
  const { exitCode, ...error } = describe(thrown);
  if (wantsJson()) {
    process.stderr.write(`${JSON.stringify({ error })}\n`);
    return exitCode;
  }
  // Whoever names no command has been shown them by now.
  if ((thrown as { code?: string }).code === 'commander.help') return exitCode;
  const mark = exitCode === EXIT.interrupted ? '' : `${styleText('red', '✗', { stream: process.stderr })} `;
  process.stderr.write(`${mark}${error.message}\n`);
  if (error.hint) process.stderr.write(`  ${error.hint}\n`);
  if (process.env.CADENZA_DEBUG === '1') process.stderr.write(`${(thrown as Error).stack ?? ''}\n`);
  return exitCode;
}

const exitCode = await runProgram(process.argv);
// Node's end waits for ever for a thread of V8's that is compiling and needs this one for it, once in some thousand ends on a
// busy machine (https://github.com/nodejs/node/issues/54918). After much work it may be: a moment of idleness lets it finish.
if (process.uptime() > 1) await delay(COMPILES_WITHIN_MS);
// Whatever is still open must not keep a finished command; what was written must still get out.
process.stdout.write('', (error) => {
  const isLost = error && !GONE.includes((error as NodeJS.ErrnoException).code ?? '');
  if (isLost) void endUnwritten(error);
  else if (!unwritten) process.exit(exitCode);
});
