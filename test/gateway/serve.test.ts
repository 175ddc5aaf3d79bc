import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { serveGateway } from '../../src/gateway/index.ts';
import { gatewayForTest } from './gateway-for-test.ts';

test('a taken port is moved on from, and said so', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  const { app, log, logged, served } = await gatewayForTest();
  const moved = await serveGateway({ app, port, host: '127.0.0.1', log });
  try {
    expect(moved.port).toBeGreaterThan(port);
    expect((await fetch(`${moved.url}/health/live`)).status).toBe(200);
    expect(logged.join('')).toContain(`Port ${port} is taken`);
  } finally {
    await Promise.all([moved.close(), served.close()]);
    other.close();
  }
});

test('a request that outlasts the drain limit does not keep the server', async () => {
  const gateway = await gatewayForTest({ drainMs: 50 });
  const asked = Promise.withResolvers<void>();
  gateway.client.show = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const stuck = gateway.get('/v1/runs/r1').then(
    () => 'answered',
    () => 'hung up',
  );
  await asked.promise;
  await gateway.served.close();
  expect(await stuck).toBe('hung up');
});

test('closing twice is closing once', async () => {
  const { served } = await gatewayForTest();
  await Promise.all([served.close(), served.close()]);
  await served.close();
});
