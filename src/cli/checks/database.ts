import { openLog } from '../log.ts';
import { type Examined, type Finding, reasonOf } from './finding.ts';

/** Whether PostgreSQL answers, and has the tables of this version; with `fix`, makes them. */
export async function checkDatabase({ target, fix, env }: Examined): Promise<Finding[]> {
  if (!target) return [{ check: 'postgresql', state: 'broken', detail: 'Nothing is running here', mend: 'npm start' }];
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: target.databaseUrl, connectionTimeoutMillis: 3_000 });
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string; database: string; migrated: boolean }>(
      `select current_setting('server_version') as version, current_database() as database,
              to_regclass('kysely_migration') is not null as migrated`,
    );
    const { version, database, migrated } = rows[0]!;
    const made = migrated ? (await client.query<{ name: string }>('select name from kysely_migration')).rows : [];
    return [
      { check: 'postgresql', state: 'ok', detail: `PostgreSQL ${version}, database ${database}` },
      await checkMigrations(
        made.map(({ name }) => name),
        fix ? () => makeTables(target.databaseUrl, env) : undefined,
      ),
    ];
  } catch (error) {
    const mend = 'Set CADENZA_DATABASE_URL, or start everything with npm start';
    return [{ check: 'postgresql', state: 'broken', detail: `No answer: ${reasonOf(error)}`, mend }];
  } finally {
    await client.end().catch(() => {});
  }
}

/** @param make makes what is missing; undefined leaves it */
async function checkMigrations(made: string[], make: (() => Promise<void>) | undefined): Promise<Finding> {
  const check = 'migrations';
  const { MIGRATIONS } = await import('../../store/migrate.ts');
  const missing = Object.keys(MIGRATIONS).filter((name) => !made.includes(name));
  const unknown = made.filter((name) => !(name in MIGRATIONS));
  if (unknown.length > 0) {
    const detail = `The database is newer than this Cadenza: it has ${unknown.join(', ')}`;
    return { check, state: 'broken', detail, mend: 'Update Cadenza' };
  }
  if (missing.length === 0) return { check, state: 'ok', detail: `all ${made.length} made` };
  if (!make) {
    const detail = `${missing.join(', ')} not made yet; the next worker or gateway makes them`;
    return { check, state: 'warning', detail, mend: 'cadenza doctor --fix' };
  }
  await make();
  return { check, state: 'ok', detail: `Made now: ${missing.join(', ')}` };
}

async function makeTables(databaseUrl: string, env: NodeJS.ProcessEnv): Promise<void> {
  const { migrate } = await import('../../store/migrate.ts');
  await migrate(databaseUrl, openLog(env, 'error'));
}
