import pino from 'pino';
import type { ConfigInput } from '../../../src/config/index.ts';
import { createGateway, serveGateway } from '../../../src/gateway/index.ts';
import { type MockProvider, mockProvider } from '../../setup/mock-provider.ts';
import { type TestBed, testBed } from '../../setup/test-bed.ts';

/** A gateway beside a worker, with a provider on this machine: what clients meet at `url`. */
export interface DialectsBed extends TestBed {
  url: string;
  logged: string[];
}

export async function dialectsBed(
  options: { provider?: MockProvider; config?: ConfigInput; env?: Record<string, string>; apiKeys?: string[] } = {},
): Promise<DialectsBed> {
  const provider = options.provider ?? (await mockProvider());
  const bed = await testBed({ provider, config: options.config, env: options.env });
  const logged: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(line) });
  const links = { namespace: 'default' };
  const app = createGateway({
    client: bed.client,
    links,
    apiKeys: options.apiKeys ?? [],
    version: '1.2.3',
    log,
    heartbeatMs: 200,
  });
  const served = await serveGateway({ app, port: 0, host: '127.0.0.1', log, drainMs: 500 });
  return {
    ...bed,
    url: served.url,
    logged,
    async close() {
      await served.close();
      await bed.close();
    },
  };
}
