import { loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';

/** How to reach a Temporal: address, TLS and API key from the environment or a `temporal.toml` profile. */
export interface TemporalTarget {
  namespace: string;
  connection: ReturnType<typeof toClientOptions>['connectionOptions'];
}

/** Where the environment says Temporal is. */
export interface NamedTemporal {
  address: string;
  namespace: string;
  /** what names it, for messages: `TEMPORAL_ADDRESS`, `The Temporal profile "staging"` */
  by: string;
  /** somebody chose it for this process; false for the default profile that merely lies in a person's config folder */
  chosen: boolean;
}

const DEFAULT_ADDRESS = 'localhost:7233';
const DEFAULT_NAMESPACE = 'default';

/** The Temporal that `TEMPORAL_ADDRESS` or a profile names. @throws Error for a profile that is not there or not usable */
export function namedTemporal(env: NodeJS.ProcessEnv = process.env): NamedTemporal | undefined {
  const { address, namespace = DEFAULT_NAMESPACE } = profileOf(env);
  const { TEMPORAL_ADDRESS, TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE } = env;
  if (TEMPORAL_ADDRESS) return { address: TEMPORAL_ADDRESS, namespace, by: 'TEMPORAL_ADDRESS', chosen: true };
  const by = `The Temporal profile "${TEMPORAL_PROFILE || 'default'}"`;
  if (TEMPORAL_PROFILE) return { address: address ?? DEFAULT_ADDRESS, namespace, by, chosen: true };
  return address === undefined ? undefined : { address, namespace, by, chosen: Boolean(TEMPORAL_CONFIG_FILE) };
}

/** @param given win over the environment; a profile's keys and certificates go to no other address than its own */
export function temporalTarget(
  given: { address?: string; namespace?: string },
  env: NodeJS.ProcessEnv = process.env,
): TemporalTarget {
  const profile = profileOf(env);
  const { connectionOptions } = toClientOptions(profile);
  const isAnother = given.address !== undefined && profile.address !== undefined && given.address !== profile.address;
  return {
    namespace: given.namespace ?? profile.namespace ?? DEFAULT_NAMESPACE,
    connection: isAnother
      ? { address: given.address }
      : { ...connectionOptions, address: given.address ?? profile.address },
  };
}

/** `TEMPORAL_*` variables win over the profile's own values. */
function profileOf(env: NodeJS.ProcessEnv) {
  const overrideEnvVars = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
  try {
    return loadClientConfigProfile({ overrideEnvVars });
  } catch (cause) {
    const name = env.TEMPORAL_PROFILE || 'default';
    const file = env.TEMPORAL_CONFIG_FILE ? ` of ${env.TEMPORAL_CONFIG_FILE}` : '';
    throw new Error(
      `The Temporal profile "${name}"${file} is not usable: ${(cause as Error).message}. Set TEMPORAL_PROFILE and TEMPORAL_CONFIG_FILE, or neither.`,
      { cause },
    );
  }
}
