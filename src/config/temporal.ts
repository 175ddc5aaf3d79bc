import { loadClientConnectConfig } from '@temporalio/envconfig';

/** How to reach Temporal: address, TLS and API key from the environment or a `temporal.toml` profile. */
export interface TemporalTarget {
  namespace: string;
  connection: ReturnType<typeof loadClientConnectConfig>['connectionOptions'];
}

/** @param address wins over the environment; the embedded server's, for example */
export function temporalTarget(address: string | undefined, namespace: string | undefined): TemporalTarget {
  const { connectionOptions, namespace: fromProfile } = loadClientConnectConfig();
  return {
    namespace: namespace ?? fromProfile ?? 'default',
    connection: { ...connectionOptions, ...(address ? { address } : {}) },
  };
}
