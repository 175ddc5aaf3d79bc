import type { Database } from '../../store/database.ts';
import { openLog } from '../log.ts';
import { type Examined, type Finding, reasonOf } from './finding.ts';

/** Which models nobody asks for now, and where calls wait for room under a limit. */
export async function checkLimits({ target, env }: Examined): Promise<Finding[]> {
  if (!target) return [];
  const check = 'limits';
  const [{ Kysely, PostgresDialect }, { kyselyPool, openConnections }, { createLimitReadings }] = await Promise.all([
    import('kysely'),
    import('../../store/connections.ts'),
    import('../../store/limit-readings.ts'),
  ]);
  const connections = openConnections(target.databaseUrl, 1, openLog(env, 'error'), 3_000);
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: kyselyPool(connections) }) });
  try {
    const readings = createLimitReadings(db);
    const open = (await readings.circuits()).map(({ scope, failures, downSince, error }): Finding => {
      const detail = `The circuit of ${scope} is open since ${downSince}, after ${failures} failures: ${error}`;
      return { check, state: 'warning', detail };
    });
    const queues = (await readings.waiting()).map(({ provider, priority, calls, longestMs }): Finding => {
      const detail = `${calls} ${priority} calls wait for room at ${provider}, the first for ${Math.round(longestMs / 1_000)} s`;
      return { check, state: 'warning', detail };
    });
    if (open.length + queues.length > 0) return [...open, ...queues];
    return [{ check, state: 'ok', detail: 'no circuit is open, and no call waits' }];
  } catch (error) {
    return [{ check, state: 'warning', detail: `They could not be read: ${reasonOf(error)}` }];
  } finally {
    await db.destroy();
  }
}
