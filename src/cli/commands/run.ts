import { type Command, Option } from 'commander';
import type { PolicyRef, RunPriority } from '../../contract/index.ts';
import { usageError } from '../failure.ts';
import { BUDGET_FLAG, POLICY_FLAG } from '../flags.ts';
import { wantsJson } from '../output.ts';
import { readInput } from '../read-input.ts';
import { showRun } from '../show-run.ts';
import { startRun } from '../start-run.ts';
import { withClient } from '../with-client.ts';

interface RunFlags {
  input: string;
  watch?: boolean;
  id?: string;
  tenant?: string;
  priority?: RunPriority;
  budget?: number;
  policy?: PolicyRef;
  webhook?: string;
  direct?: boolean;
}

export function configure(command: Command): void {
  command
    .argument('<pattern>', 'ask, chain, compare, council, best-of, map, ... or a workflow named in cadenza.config.ts')
    .requiredOption('-i, --input <json|file|->', 'its input: JSON, a file that holds JSON, or - for stdin')
    .option('-w, --watch', 'show the words as they come')
    .option('--id <id>', 'the id of the run; given twice, the same run')
    .option('--tenant <name>', 'for whom it runs')
    .addOption(new Option('--priority <which>', 'who goes first where calls wait').choices(['interactive', 'batch']))
    .option(...BUDGET_FLAG)
    .option(...POLICY_FLAG)
    .option('--direct', 'run it as one activity, without a workflow: the quickest lane, for short runs')
    .option('--webhook <url>', 'told when the run has ended; signed with CADENZA_WEBHOOK_SECRET')
    .addHelpText(
      'after',
      `
Examples:
  $ cadenza run ask --input '{"prompt":"Why do rivers bend?"}' --watch
  $ cadenza run ask --input question.json --policy anthropic/claude-sonnet-5-5,openai/gpt-6-sol
  $ echo '{"prompt":"Why?","models":["sandbox/gpt","sandbox/claude"]}' | cadenza run compare --input - --json`,
    )
    .action(async (pattern: string, flags: RunFlags) => {
      const input = withPolicy(await readInput(flags.input), flags.policy);
      const { id, tenant, priority, budget: budgetUsd } = flags;
      const lane = flags.direct ? ('direct' as const) : undefined;
      const webhook = flags.webhook === undefined ? undefined : { url: flags.webhook };
      await withClient(async (client, target) => {
        const run = await startRun(client, pattern, input, { id, tenant, priority, budgetUsd, webhook, lane });
        const models = (input as { models?: string[] } | null)?.models;
        const shown = { client, target, id: run.id, pattern, models };
        await showRun(shown, { watch: flags.watch ?? false, json: wantsJson(command) });
      });
    });
}

function withPolicy(input: unknown, policy: PolicyRef | undefined): unknown {
  if (policy === undefined) return input;
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw usageError('--policy needs an input that is a JSON object.');
  }
  return { ...input, policy };
}
