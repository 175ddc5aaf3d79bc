import type { Cadenza } from '../client/cadenza.ts';
import { encryptionKeys, loadConfig } from '../config/index.ts';
import type { Caller } from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { findTarget, type Target } from './find-target.ts';
import { openLog } from './log.ts';

/** Who asks by the command line, as the audit log has it. */
export const CLI: Caller = { role: 'admin', from: { via: 'cli' } };

/** Does something with what runs here, and hangs up. */
export async function withClient<Value>(use: (client: Cadenza, target: Target) => Promise<Value>): Promise<Value> {
  const { env } = process;
  const target = findTarget(env);
  // Only now: loading Temporal's client takes longer than all else a command does.
  const { connect } = await import('../client/index.ts');
  const { temporalAddress, namespace, databaseUrl } = target;
  const client = await connect({
    temporalAddress,
    namespace,
    databaseUrl,
    env,
    log: openLog(env, 'error'),
    via: 'cli',
  });
  try {
    return await use(client, target);
  } finally {
    await client.close();
  }
}

/** Does something with what the store knows. Temporal is not asked, so that its client need not be loaded. */
export async function withStore<Value>(use: (store: Store) => Promise<Value>): Promise<Value> {
  const { databaseUrl } = findTarget(process.env);
  const { openStore } = await import('../store/open-store.ts');
  const encryption = await encryptionKeys(process.env, await loadConfig());
  const store = await openStore({ url: databaseUrl, log: openLog(process.env, 'error'), encryption });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}
