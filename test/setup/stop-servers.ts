import type { TestServers } from './start-servers.ts';

/** Ends what start-servers.ts started, and deletes its files. */
export default async function stopServers(): Promise<void> {
  await (globalThis as { testServers?: TestServers }).testServers?.stop();
}
