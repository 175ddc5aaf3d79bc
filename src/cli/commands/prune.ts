import type { Command } from 'commander';
import { loadConfig, temporalTarget } from '../../config/index.ts';
import type { PrunedRows, RetentionAges, Store } from '../../store/index.ts';
import { CliFailure } from '../failure.ts';
import { findTarget, type Target } from '../find-target.ts';
import { stopRequested } from '../interruption.ts';
import { printJson, printLine, printNote, wantsJson } from '../output.ts';
import { table } from '../views/table.ts';
import { withStore } from '../with-client.ts';

export function configure(command: Command): void {
  command
    .option('--dry-run', 'only count what would go')
    .addHelpText(
      'after',
      `
How long things are kept says "retention" in the config; workers forget by themselves, every ten minutes.

Examples:
  $ cadenza prune --dry-run
  $ cadenza prune`,
    )
    .action(async ({ dryRun = false }: { dryRun?: boolean }) => {
      const ages = await agesOf(findTarget(process.env));
      await withStore(async (store) => {
        const rows = dryRun ? await store.retention.preview(ages) : await pruned(store, ages);
        await print(store, rows, { dryRun, json: wantsJson(command) });
      });
    });
}

async function pruned({ retention }: Store, ages: RetentionAges): Promise<PrunedRows> {
  const stop = new AbortController();
  void stopRequested().then(() => stop.abort());
  const rows = await retention.prune(ages, stop.signal);
  if (rows) return rows;
  throw new CliFailure('Another process is pruning this database just now.', { hint: 'Try again when it is done.' });
}

async function agesOf({ temporalAddress, namespace }: Target): Promise<RetentionAges> {
  const { Client, Connection } = await import('@temporalio/client');
  const { retentionAges } = await import('../../runtime/retention-ages.ts');
  const { noTemporal } = await import('../../client/errors.ts');
  const { connection: options } = temporalTarget({ address: temporalAddress, namespace });
  const connection = await Connection.connect(options).catch((cause) => {
    throw noTemporal(temporalAddress, cause);
  });
  try {
    return await retentionAges(new Client({ connection, namespace }), (await loadConfig()).retention);
  } finally {
    await connection.close();
  }
}

async function print(store: Store, rows: PrunedRows, { dryRun, json }: { dryRun: boolean; json: boolean }) {
  const sizes = await store.retention.sizes();
  if (json) {
    printJson({ dryRun, rows, tables: sizes });
    return;
  }
  const gone = Object.entries(rows);
  if (gone.length === 0) printLine(dryRun ? 'Nothing is old enough to go.' : 'Nothing was old enough to go.');
  else {
    const columns = [{ head: dryRun ? 'WOULD GO' : 'GONE' }, { head: 'ROWS', align: 'right' as const }];
    printLine(
      table(
        columns,
        gone.map(([what, count]) => [what, count.toLocaleString('en')]),
      ),
    );
  }
  printNote('');
  printNote(
    table(
      [{ head: 'TABLE' }, { head: 'ROWS', align: 'right' }, { head: 'MB', align: 'right' }],
      sizes
        .filter(({ rows: count }) => count > 0)
        .map(({ table: name, rows: count, bytes }) => [
          name,
          count.toLocaleString('en'),
          (bytes / 1_000_000).toFixed(1),
        ]),
    ),
  );
}
