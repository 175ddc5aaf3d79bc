import { type Config, encryptionKeys, toolVariables } from '../config/index.ts';
import type { EncryptionKeys, Log } from '../contract/index.ts';
import { type ProviderRegistry, providerRegistry, secretsOf } from '../providers/index.ts';
import { openStore, type Store } from '../store/index.ts';
import {
  builtinTools,
  documentTools,
  mcpSources,
  openApiSources,
  ownTools,
  skillTools,
  type ToolRegistry,
  toolRegistry,
} from '../tools/index.ts';

/** The store and the providers, opened for a client or a worker. */
export interface OpenRooms {
  store: Store;
  providers: ProviderRegistry;
  tools: ToolRegistry;
  config: Config;
  /** values that must never leave the process */
  secrets: string[];
  env: NodeJS.ProcessEnv;
  log: Log;
  close(): Promise<void>;
}

export interface RoomOptions {
  databaseUrl: string;
  config: Config;
  env: NodeJS.ProcessEnv;
  /** else warnings and errors on stderr */
  log?: Log;
  /** models are asked by other processes: what keys there are is theirs to know */
  keysElsewhere?: boolean;
  /** else as environment and config say */
  encryption?: EncryptionKeys;
}

/** Opens the store (migrated if need be) and the providers. */
export async function openRooms({
  databaseUrl,
  config,
  env,
  log = consoleLog,
  keysElsewhere,
  ...given
}: RoomOptions): Promise<OpenRooms> {
  const encryption = given.encryption ?? (await encryptionKeys(env, config));
  const store = await openStore({ url: databaseUrl, log, encryption });
  const providers = providerRegistry({ config, env, keysElsewhere });
  const tools = toolRegistry(
    [
      ownTools(config.tools),
      skillTools(config.skills),
      ...openApiSources(config.openapi, log),
      ...mcpSources(config.mcp, env, log),
      documentTools(),
      builtinTools(config.toolSettings),
    ],
    config.toolSettings,
  );
  return {
    store,
    providers,
    tools,
    config,
    secrets: secretsOf(env, [
      ...Object.values(config.providers).map(({ apiKeyEnv }) => apiKeyEnv),
      ...toolVariables(config),
    ]),
    env,
    log,
    async close() {
      await tools.close();
      await providers.close();
      await store.close();
    },
  };
}

/** What a service says where nobody gave it a logger. */
const consoleLog: Log = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.error(`cadenza: ${message}`, fields),
  error: (fields, message) => console.error(`cadenza: ${message}`, fields),
};
