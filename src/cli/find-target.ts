import { readEnvironment } from '../config/environment.ts';
import { type NamedTemporal, namedTemporal } from '../config/temporal.ts';
import { type Running, readRunning } from '../local/running.ts';
import { CliFailure } from './failure.ts';

/** What a command talks to. */
export interface Target {
  temporalAddress: string;
  namespace: string;
  databaseUrl: string;
  /** not known for a Temporal of somebody else's */
  uiUrl?: string;
}

/** What the environment names, else what `cadenza dev` runs here. @throws CliFailure saying how to start it */
export function findTarget(env: NodeJS.ProcessEnv): Target {
  const target = lookForTarget(env);
  if (target) return target;
  throw new CliFailure(
    'Nothing is running here. Start it with npm start (or set TEMPORAL_ADDRESS and CADENZA_DATABASE_URL).',
  );
}

/** The same, where nothing running is an answer too. @throws CliFailure where the environment names half of a target, or
 *  another one than runs here: what is meant is then not guessed */
export function lookForTarget(env: NodeJS.ProcessEnv): Target | undefined {
  const { databaseUrl, home } = readEnvironment(env);
  const named = namedTemporal(env);
  const running = readRunning(home);
  const runsOn = (database: string | undefined) => database === undefined || database === running?.databaseUrl;
  const isLocal = running && runsOn(databaseUrl) && (!named?.chosen || isThere(named, running));
  if (isLocal) {
    const { temporalAddress, databaseUrl: database, temporalNamespace: namespace, uiUrl } = running;
    return { temporalAddress, databaseUrl: database, namespace, uiUrl };
  }
  if (named && databaseUrl) {
    const { address: temporalAddress, namespace } = named;
    return { temporalAddress, databaseUrl, namespace, uiUrl: env.CADENZA_TEMPORAL_UI_URL };
  }
  if (named?.chosen) {
    throw new CliFailure(`${named.by} names the Temporal at ${named.address}, and no database is named for its runs.`, {
      hint: 'Set CADENZA_DATABASE_URL to the one its workers use.',
    });
  }
  if (running) {
    throw new CliFailure('CADENZA_DATABASE_URL names another database than the one Cadenza uses here.', {
      hint: 'Unset it for what runs here, or set TEMPORAL_ADDRESS as well for what runs elsewhere.',
    });
  }
  return undefined;
}

/** `TEMPORAL_ADDRESS=... cadenza dev` runs here on somebody else's Temporal. */
function isThere({ address, namespace }: NamedTemporal, { temporalAddress, temporalNamespace }: Running): boolean {
  return address === temporalAddress && namespace === temporalNamespace;
}
