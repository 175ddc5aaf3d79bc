import { type Command, Option } from 'commander';
import { createKeys, type Keys } from '../../client/keys.ts';
import type { ApiKey, NewApiKey, Role } from '../../contract/index.ts';
import { asList, asUsd } from '../flags.ts';
import { printJson, printLine, printNote, quiet, wantsJson } from '../output.ts';
import { usd } from '../views/numbers.ts';
import { table } from '../views/table.ts';
import { CLI, withStore } from '../with-client.ts';

const NAME = ['<name>', 'of the key; that of a tenant is <tenant>:<name>'] as const;

const COLUMNS = ['key', 'role', 'limits', 'spent', 'state', 'last used'].map((head) => ({ head }));

export function configure(keys: Command): void {
  keys.addHelpText(
    'after',
    `
Examples:
  $ cadenza keys create ci --tenant acme --models 'openai/*,fast' --rpm 60 --budget 20
  $ cadenza keys rotate acme:ci --grace '2 hours'
  $ cadenza keys revoke acme:ci`,
  );

  keys
    .command('create')
    .description('Make a key; its secret is shown this once')
    .argument('<name>', 'letters, digits and . _ -')
    .option('--tenant <name>', 'whose it is; left out, it is an operator’s, who sees all tenants')
    .addOption(
      new Option('--role <role>', 'what it may do')
        .choices(['admin', 'operator', 'caller', 'approver'])
        .default('caller'),
    )
    .option('--label <text>', 'what it is for')
    .option('--models <list>', 'models it may ask: refs, aliases, provider/*', asList)
    .option('--patterns <list>', 'patterns it may start, and workflows of your own', asList)
    .option('--rpm <number>', 'requests a minute', Number)
    .option('--budget <usd>', 'USD it may spend in all', asUsd)
    .option('--expires <duration>', 'how long it holds, as in "90 days"')
    .action(async (name: string, flags: CreateFlags, command: Command) => {
      const { rpm: requestsPerMinute, budget: budgetUsd, expires: expiresIn, ...key } = flags;
      await withKeys(async (made) => {
        printNew(await made.create({ name, ...key, requestsPerMinute, budgetUsd, expiresIn }), command);
      });
    });

  keys
    .command('list')
    .description('List keys, by name, without their secrets')
    .option('--tenant <name>', 'only those of this tenant')
    .action(async ({ tenant }: { tenant?: string }, command: Command) => {
      await withKeys(async (made) => {
        const all = await made.list();
        if (wantsJson(command)) for (const key of all) printJson(key);
        else if (all.length === 0) printNote('There are no keys. Make one: cadenza keys create <name>');
        else printLine(table(COLUMNS, all.map(rowOf)));
      }, tenant);
    });

  keys
    .command('rotate')
    .description('Give a key another secret, which is shown this once')
    .argument(...NAME)
    .option('--grace <duration>', 'how long the old secret is taken too', '1 day')
    .action(async (name: string, { grace }: { grace: string }, command: Command) => {
      await withKeys(async (made) => printNew(await made.rotate(name, { grace }), command));
    });

  keys
    .command('revoke')
    .description('End a key: within seconds no gateway takes it any more')
    .argument(...NAME)
    .action(async (name: string, _flags: object, command: Command) => {
      await withKeys(async (made) => {
        const key = await made.revoke(name);
        if (wantsJson(command)) printJson(key);
        else printLine(`${key.name} is revoked. Runs it started go on.`);
      });
    });
}

interface CreateFlags {
  tenant?: string;
  role: Role;
  label?: string;
  models?: string[];
  patterns?: string[];
  rpm?: number;
  budget?: number;
  expires?: string;
}

function withKeys(use: (keys: Keys) => Promise<void>, tenant?: string): Promise<void> {
  return withStore((store) => use(createKeys(store).of({ ...CLI, tenant })));
}

/** The secret stands alone on stdout, so that a pipe gets nothing else. */
function printNew({ secret, ...key }: NewApiKey, command: Command): void {
  if (wantsJson(command)) {
    printJson({ ...key, secret });
    return;
  }
  printNote(`${key.name} (${key.role}). Keep its secret: it is not shown again.`);
  if (key.oldSecretUntil !== undefined) printNote(`The old secret is taken until ${key.oldSecretUntil}.`);
  printLine(secret);
}

function rowOf(key: ApiKey): string[] {
  const { name, role, models, patterns, requestsPerMinute, budgetUsd, spentUsd, lastUsedAt } = key;
  const limits = [
    models && `models ${models.join(', ')}`,
    patterns && `patterns ${patterns.join(', ')}`,
    requestsPerMinute && `${requestsPerMinute}/min`,
    budgetUsd !== undefined && usd(budgetUsd),
  ].filter((limit) => typeof limit === 'string');
  return [name, role, limits.join('; ') || quiet('none'), usd(spentUsd), stateOf(key), lastUsedAt ?? quiet('never')];
}

function stateOf({ revokedAt, expiresAt }: ApiKey): string {
  if (revokedAt !== undefined) return quiet(`revoked ${revokedAt}`);
  if (expiresAt === undefined) return 'holds';
  return Date.parse(expiresAt) <= Date.now() ? quiet(`expired ${expiresAt}`) : `holds until ${expiresAt}`;
}
