import { readEnvironment } from '../config/environment.ts';
import { readRunning } from '../local/running.ts';
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

/** The same, where nothing running is an answer too. */
export function lookForTarget(env: NodeJS.ProcessEnv): Target | undefined {
  const { temporalAddress, databaseUrl, temporalNamespace, home } = readEnvironment(env);
  if (temporalAddress && databaseUrl) {
    return { temporalAddress, databaseUrl, namespace: temporalNamespace, uiUrl: env.CADENZA_TEMPORAL_UI_URL };
  }
  const running = readRunning(home);
  if (!running) return undefined;
  const { uiUrl } = running;
  return {
    temporalAddress: running.temporalAddress,
    databaseUrl: running.databaseUrl,
    namespace: running.temporalNamespace,
    uiUrl,
  };
}
