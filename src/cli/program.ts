import { styleText } from 'node:util';
import { Command, CommanderError } from 'commander';
import { addApprovals } from './commands/approvals.ts';
import { addApprove } from './commands/approve.ts';
import { addBill } from './commands/bill.ts';
import { addBudget } from './commands/budget.ts';
import { addCancel } from './commands/cancel.ts';
import { addChat } from './commands/chat.ts';
import { addCompare } from './commands/compare.ts';
import { addDev } from './commands/dev.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEval } from './commands/eval.ts';
import { addFork } from './commands/fork.ts';
import { addGateway } from './commands/gateway.ts';
import { addGraph } from './commands/graph.ts';
import { addMap } from './commands/map.ts';
import { addRun } from './commands/run.ts';
import { addRuns } from './commands/runs.ts';
import { addSchedule } from './commands/schedule.ts';
import { addServe } from './commands/serve.ts';
import { addWatch } from './commands/watch.ts';
import { addWorker } from './commands/worker.ts';
import { describe, EXIT } from './failure.ts';
import { VERSION } from './version.ts';

const COMMANDS = [
  addDev,
  addRun,
  addWatch,
  addCompare,
  addChat,
  addGraph,
  addMap,
  addRuns,
  addBill,
  addBudget,
  addCancel,
  addFork,
  addApprovals,
  addApprove,
  addSchedule,
  addDoctor,
  addEval,
];
const SERVICES = [addWorker, addGateway, addServe];

function createProgram(): Command {
  const program = new Command('cadenza')
    .description('Durable AI orchestration on Temporal')
    .version(VERSION)
    .option('--json', 'print one JSON object a line, for programs')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeErr: () => {} })
    .exitOverride();
  for (const add of [...COMMANDS, ...SERVICES]) add(program);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

/** Runs one command line. @returns the exit code: 0 only on success, 2 for bad input, 130 after Ctrl-C, else 1 */
export async function runProgram(argv: string[]): Promise<number> {
  // A reader that has seen enough (`cadenza runs | head -1`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const program = createProgram();
  try {
    await program.parseAsync(argv);
    return EXIT.success;
  } catch (thrown) {
    return report(thrown, program);
  }
}

function report(thrown: unknown, program: Command): number {
  const { exitCode, ...error } = describe(thrown);
  if (exitCode === EXIT.success) return exitCode;
  if (thrown instanceof CommanderError && thrown.code === 'commander.help') {
    process.stderr.write(program.helpInformation());
    return exitCode;
  }
  if (process.argv.includes('--json')) {
    process.stderr.write(`${JSON.stringify({ error })}\n`);
    return exitCode;
  }
  const mark = exitCode === EXIT.interrupted ? '' : `${styleText('red', '✗', { stream: process.stderr })} `;
  process.stderr.write(`${mark}${error.message}\n`);
  if (error.hint) process.stderr.write(`  ${error.hint}\n`);
  if (process.env.CADENZA_DEBUG === '1') process.stderr.write(`${(thrown as Error).stack ?? ''}\n`);
  return exitCode;
}
