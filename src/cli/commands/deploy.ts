import type { Command } from 'commander';
import type { BuildStatus, Deployments } from '../../client/deployments.ts';
import { DEFAULT_DEPLOYMENT, readEnvironment, temporalTarget } from '../../config/index.ts';
import { usageError } from '../failure.ts';
import { findTarget } from '../find-target.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { table } from '../views/table.ts';
import { CLI, withStore } from '../with-client.ts';

interface Flags {
  deployment?: string;
  wait?: string;
}

const BUILD = ['<build>', 'the CADENZA_BUILD of its workers'] as const;
const WAIT = ['--wait <seconds>', 'for its first worker', '60'] as const;

export function configure(deploy: Command): void {
  deploy.option('--deployment <name>', `else CADENZA_DEPLOYMENT, else ${DEFAULT_DEPLOYMENT}`).addHelpText(
    'after',
    `
Workers with CADENZA_BUILD set are of that build; runs end on the build they began on (docs/deploy.md).

Examples:
  $ CADENZA_BUILD=2026-11-29 cadenza worker
  $ cadenza deploy ramp 2026-11-29 10
  $ cadenza deploy promote 2026-11-29
  $ cadenza deploy drain 2026-11-22
  $ cadenza deploy status`,
  );

  deploy
    .command('status')
    .description('List builds: which is given new runs, how many are open on each, how many workers it has')
    .action(async (_flags: object, command: Command) => {
      await withDeployments(command, async (deployments) => {
        const status = await deployments.status();
        if (wantsJson(command)) printJson(status);
        else printBuilds(status.builds);
      });
    });

  deploy
    .command('promote')
    .description('Give all new runs to a build; open ones stay where they began')
    .argument(...BUILD)
    .option(...WAIT)
    .action(async (build: string, { wait }: Flags, command: Command) => {
      await withDeployments(command, async (deployments, deployment) => {
        await deployments.promote(build, waitMsOf(wait));
        if (wantsJson(command)) printJson({ deployment, build, current: true });
        else printLine(`New runs begin on ${build}.`);
      });
    });

  deploy
    .command('ramp')
    .description('Give a build so many of a hundred new runs; 0 takes it back')
    .argument(...BUILD)
    .argument('<percent>', '0 to 100')
    .option(...WAIT)
    .action(async (build: string, given: string, { wait }: Flags, command: Command) => {
      const percent = percentOf(given);
      await withDeployments(command, async (deployments, deployment) => {
        await deployments.ramp(build, percent, waitMsOf(wait));
        if (wantsJson(command)) printJson({ deployment, build, percent });
        else printLine(`${percent} of 100 new runs begin on ${build}.`);
      });
    });

  deploy
    .command('drain')
    .description('Ask conversations nobody talks with just now to leave a build; others leave at their next message')
    .argument(...BUILD)
    .action(async (build: string, _flags: object, command: Command) => {
      await withDeployments(command, async (deployments, deployment) => {
        const conversations = await deployments.drain(build);
        if (wantsJson(command)) printJson({ deployment, build, conversations });
        else printLine(`${conversations} conversations are asked to leave ${build}. See: cadenza deploy status`);
      });
    });
}

async function withDeployments(
  command: Command,
  use: (deployments: Deployments, deployment: string) => Promise<void>,
): Promise<void> {
  const { deployment: named } = readEnvironment(process.env);
  const { deployment = named ?? DEFAULT_DEPLOYMENT } = command.optsWithGlobals<Flags>();
  const { temporalAddress, namespace } = findTarget(process.env);
  // Only now: loading Temporal's client takes longer than all else a command does.
  const { Client, Connection } = await import('@temporalio/client');
  const { auditedBy } = await import('../../client/audited.ts');
  const { createDeployments } = await import('../../client/deployments.ts');
  const { noTemporal } = await import('../../client/errors.ts');
  const { connection: options } = temporalTarget({ address: temporalAddress, namespace });
  const connection = await Connection.connect(options).catch((cause) => {
    throw noTemporal(temporalAddress, cause);
  });
  try {
    await withStore((store) =>
      use(createDeployments(new Client({ connection, namespace }), deployment, auditedBy(store, CLI)), deployment),
    );
  } finally {
    await connection.close();
  }
}

function waitMsOf(given = '0'): number {
  const seconds = Number(given);
  if (given.trim() !== '' && seconds >= 0 && Number.isFinite(seconds)) return seconds * 1_000;
  throw usageError(`--wait ${given} is no number of seconds, 0 or more.`);
}

function percentOf(given: string): number {
  const percent = Number(given);
  if (given.trim() !== '' && percent >= 0 && percent <= 100) return percent;
  throw usageError(`${given} is no percentage: 0 to 100.`, 'For all new runs: cadenza deploy promote <build>');
}

function printBuilds(builds: BuildStatus[]): void {
  const right = { align: 'right' as const };
  const columns = [
    ...[{ head: 'BUILD' }, { head: 'STATE' }, { head: 'OPEN RUNS', ...right }, { head: 'WORKERS', ...right }],
    ...[{ head: 'TASK QUEUES' }, { head: 'SINCE' }],
  ];
  const rows = builds.map(({ build, state, percent, openRuns, workers, taskQueues, createdAt }) => [
    ...[build, percent === undefined ? state : `${state} ${percent}%`, String(openRuns), String(workers)],
    ...[taskQueues.join(', '), createdAt.slice(0, 16).replace('T', ' ')],
  ]);
  printLine(table(columns, rows));
  const stuck = builds.filter(({ openRuns, workers }) => openRuns > 0 && workers === 0);
  for (const { build, openRuns } of stuck) {
    printNote(`${openRuns} runs wait for a worker of ${build}: start one, until they have ended.`);
  }
}
