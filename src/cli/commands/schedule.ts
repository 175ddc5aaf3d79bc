import type { Command } from 'commander';
import type { ScheduleInfo } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { asUsd } from '../flags.ts';
import { printJson, printLine, wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';
import { ago } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { withClient } from '../with-client.ts';

interface CreateFlags {
  input: string;
  cron?: string;
  every?: string;
  timezone?: string;
  tenant?: string;
  budget?: number;
}

/** What can be done with a schedule, and what is said when it was. */
const ACTS = {
  pause: ['Start no more runs until it is resumed', 'is paused'],
  resume: ['Start runs again', 'goes on'],
  trigger: ['Start a run now', 'was told to start a run'],
  delete: ['Delete it; runs it has started go on', 'is gone'],
} as const;

export function configure(schedule: Command): void {
  schedule.addHelpText(
    'after',
    `
Examples:
  $ cadenza schedule create news ask --input question.json --cron "0 6 * * 1-5" --timezone Europe/Berlin
  $ cadenza schedule create pulse ask --input question.json --every 1h --budget 0.10
  $ cadenza schedule list`,
  );
  addCreate(schedule);
  addList(schedule);
  for (const act of Object.keys(ACTS) as (keyof typeof ACTS)[]) addAct(schedule, act);
}

function addCreate(schedule: Command): void {
  schedule
    .command('create')
    .description('Make a schedule')
    .argument('<name>', 'its name; its runs are <name>-<time>')
    .argument('<pattern>', 'ask, compare, or a workflow named in cadenza.config.ts')
    .requiredOption('-i, --input <json|file|->', 'the input of each run: JSON, a file that holds JSON, or - for stdin')
    .option('--cron <expression>', 'when: minute, hour, day of month, month, day of week')
    .option('--every <duration>', 'or how often: 30m, 1h, "2 days"')
    .option('--timezone <name>', 'of --cron, for example Europe/Berlin; else UTC')
    .option('--tenant <name>', 'for whom it runs')
    .option('--budget <usd>', 'the most each run may spend', asUsd)
    .addHelpText('after', '\nExample:\n  $ cadenza schedule create pulse ask --input question.json --every 1h')
    .action(async (name: string, pattern: string, flags: CreateFlags, command: Command) => {
      const { cron, every, timezone, tenant, budget: budgetUsd } = flags;
      if ((cron === undefined) === (every === undefined)) throw usageError('Give either --cron or --every.');
      const input = await readInput(flags.input);
      await withClient(async ({ schedules }) => {
        const made = await schedules.create({ name, pattern, input, cron, every, timezone, tenant, budgetUsd });
        if (wantsJson(command)) printJson(made);
        else printLine(`${name} runs ${pattern}, next at ${made.nextAt ?? 'no time at all'}.`);
      });
    });
}

function addList(schedule: Command): void {
  schedule
    .command('list')
    .description('List schedules')
    .addHelpText('after', '\nExample:\n  $ cadenza schedule list --json')
    .action(async (_flags: object, command: Command) => {
      await withClient(async ({ schedules }) => {
        const all = await schedules.list();
        if (wantsJson(command)) for (const each of all) printJson(each);
        else printLine(all.length === 0 ? 'There are no schedules.' : scheduleTable(all, Date.now()));
      });
    });
}

function addAct(schedule: Command, act: keyof typeof ACTS): void {
  const [description, done] = ACTS[act];
  schedule
    .command(act)
    .description(description)
    .argument('<name>', 'the name of the schedule')
    .addHelpText('after', `\nExample:\n  $ cadenza schedule ${act} news`)
    .action(async (name: string, _flags: object, command: Command) => {
      await withClient(async ({ schedules }) => {
        await schedules[act](name);
        if (wantsJson(command)) printJson({ name, asked: act });
        else printLine(`The schedule ${name} ${done}.`);
      });
    });
}

const COLUMNS = [{ head: 'SCHEDULE' }, { head: 'PATTERN' }, { head: 'WHEN' }, { head: 'NEXT' }, { head: 'LAST RUN' }];

export function scheduleTable(schedules: ScheduleInfo[], now: number): string {
  return table(
    COLUMNS,
    schedules.map(({ name, pattern, cron, every, timezone, paused, nextAt, lastRun }) => [
      name,
      pattern,
      cron === undefined
        ? `every ${typeof every === 'number' ? `${every} ms` : every}`
        : `${cron} ${timezone ?? 'UTC'}`,
      paused ? 'paused' : (nextAt ?? 'never'),
      lastRun ? `${lastRun.id}, ${ago(lastRun.at, now)}` : 'none yet',
    ]),
  );
}
