import { Connection } from '@temporalio/client';
import { type Config, loadConfig, readEnvironment, temporalTarget } from '../config/index.ts';
import type { AuditWay, Log } from '../contract/index.ts';
import { openRooms } from '../runtime/open-rooms.ts';
import type { Cadenza } from './cadenza.ts';
import { connectWith } from './connect-with.ts';
import { IS_IT_RUNNING, isStoreError, noTemporal, notReachable } from './errors.ts';

export interface ConnectOptions {
  /** else `TEMPORAL_ADDRESS`, or a profile of Temporal's own config */
  temporalAddress?: string;
  namespace?: string;
  /** else `CADENZA_DATABASE_URL` */
  databaseUrl?: string;
  env?: NodeJS.ProcessEnv;
  /** else `cadenza.config.ts` of the working folder */
  config?: Config;
  log?: Log;
  /** else `CADENZA_TASK_QUEUE` */
  taskQueue?: string;
  /** by which way its actions come into the audit log (default `client`) */
  via?: AuditWay;
}

/** Connects a backend service to its runs: to Temporal, which runs them, and to the store, which tells of them. */
export async function connect(options: ConnectOptions = {}): Promise<Cadenza> {
  const { env = process.env, log } = options;
  const environment = readEnvironment(env);
  const { databaseUrl = environment.databaseUrl, taskQueue = environment.taskQueue } = options;
  if (databaseUrl === undefined) {
    throw notReachable('No database is named', 'Set CADENZA_DATABASE_URL, or give connect() a databaseUrl');
  }
  const { temporalAddress: address } = options;
  const { namespace, connection: target } = temporalTarget({ address, namespace: options.namespace }, env);
  const connection = await Connection.connect({ ...target, connectTimeout: '5 s' } as Parameters<
    typeof Connection.connect
  >[0]).catch((cause) => {
    throw noTemporal(target.address, cause);
  });
  try {
    const config = options.config ?? (await loadConfig());
    const rooms = await openRooms({ databaseUrl, env, log, config, keysElsewhere: true });
    const close = async () => {
      await rooms.close();
      await connection.close();
    };
    return connectWith({ connection, namespace, taskQueue, rooms, eager: () => false, via: options.via, close });
  } catch (error) {
    await connection.close();
    if (isStoreError(error)) throw notReachable(error.message, IS_IT_RUNNING, error);
    throw error;
  }
}
