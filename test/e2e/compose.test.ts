import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { readEnvironment } from '../../src/config/index.ts';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.ts';
import { cadenza } from '../cli/command-line.ts';
import { gatewayForTest } from '../gateway/gateway-for-test.ts';

interface Service {
  image: string;
  build?: string;
  command?: string[];
  environment: Record<string, string | number>;
  ports?: string[];
  volumes?: string[];
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const { gateway, postgres } = compose.services as Record<'gateway' | 'postgres', Service>;
const dockerfile = read('Dockerfile');
const instructions = (name: string) =>
  [...dockerfile.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, rest]) => rest!);

const ours = services.filter(([, { build }]) => build !== undefined);

test('there are Temporal with its UI, two databases, one worker and one gateway', () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    ...['gateway', 'postgres', 'temporal', 'temporal-namespace', 'temporal-postgres', 'temporal-schema'],
    ...['temporal-ui', 'worker'],
  ]);
  expect(ours.map(([name]) => name)).toEqual(['worker', 'gateway']);
});

test('what it starts of ours are commands of the CLI, with flags they have', async () => {
  const commands = ours.map(([, { command }]) => command!);
  const started = [...commands, JSON.parse(instructions('CMD')[0]!) as string[]];
  for (const [command, ...flags] of started) {
    const { code, stdout } = await cadenza([command!, '--help']);
    expect([command, code]).toEqual([command, 0]);
    expect(stdout).toContain(`cadenza ${command}`);
    for (const flag of flags.filter((word) => word.startsWith('--'))) expect(stdout).toContain(flag);
  }
});

test('every variable it sets for ours is one that the sources read', () => {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(path.join('src', file)))
    .join('\n');
  const set = ours.flatMap(([, { environment }]) => Object.keys(environment));
  const inImage = instructions('ENV').flatMap((line) => [...line.matchAll(/([A-Z_]+)=/g)].map(([, name]) => name!));
  const known = (name: string) => name === 'NODE_ENV' || new RegExp(`\\b${name}\\b`).test(sources);
  expect([...set, ...inImage].filter((name) => !known(name))).toEqual([]);
  expect(set).toEqual(expect.arrayContaining(['TEMPORAL_ADDRESS', 'CADENZA_DATABASE_URL', 'CADENZA_API_KEYS']));
});

test('no password and no API key has a default, and none is written down', () => {
  for (const [name, { environment }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (!/PASSWORD|PWD|API_KEYS|DATABASE_URL/.test(variable)) continue;
      expect([name, variable, value]).toEqual([name, variable, expect.stringMatching(/\$\{\w+:\?[^}]+\}/)]);
    }
  }
});

test('the gateway is asked whether it is well at a route it has, on the port it listens at', async () => {
  const { app, served } = await gatewayForTest();
  await served.close();
  const url = new URL(/http:[^']+/.exec(gateway.healthcheck!.test.join(' '))![0]);
  const { paths } = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
  expect(Object.keys(paths!)).toContain(url.pathname);
  const port = String(readEnvironment({}).port);
  expect(url.port).toBe(port);
  expect(gateway.ports).toEqual([`\${CADENZA_PORT:-${port}}:${port}`]);
  expect(instructions('EXPOSE')).toEqual([port]);
});

test('the database that ours are told of is the one it starts', () => {
  const url = new URL(String(gateway.environment.CADENZA_DATABASE_URL).replace(/\$\{.*\}/, 'password'));
  const { POSTGRES_USER, POSTGRES_DB } = postgres.environment;
  expect(compose.services).toHaveProperty(url.hostname);
  expect([url.username, url.pathname]).toEqual([POSTGRES_USER, `/${POSTGRES_DB}`]);
});

test('what waits for another names one that is there and can be waited for, and volumes are declared', () => {
  for (const [name, { depends_on = {}, volumes = [] }] of services) {
    for (const [other, { condition }] of Object.entries(depends_on)) {
      expect([name, other, Object.keys(compose.services)]).toEqual([name, other, expect.arrayContaining([other])]);
      if (condition === 'service_healthy') expect(compose.services[other]?.healthcheck).toBeDefined();
    }
    for (const volume of volumes) {
      const [from] = volume.split(':');
      expect(from!.startsWith('./') ? existsSync(path.join(ROOT, from!)) : from! in compose.volumes).toBe(true);
    }
  }
});

test('the search attributes it registers are those that runs set', () => {
  const script = compose.services['temporal-namespace']!.command!.join('\n');
  const registered = [...script.matchAll(/^attributes (\w+) (.*)$/gm)].flatMap(([, type, names]) =>
    [...names!.matchAll(/--name (\w+)/g)].map(([, name]) => [name, type]),
  );
  expect(Object.fromEntries(registered)).toEqual(SEARCH_ATTRIBUTES);
});

test('the image runs as nobody in particular, under Node 24, from files that are there and not ignored', () => {
  expect(instructions('FROM').map((from) => /^node:(\d+)/.exec(from)?.[1])).toEqual(['24', '24']);
  expect(instructions('USER')).toEqual(['node']);
  const ignored = read('.dockerignore').split('\n');
  const copied = instructions('COPY')
    .filter((line) => !line.startsWith('--from'))
    .flatMap((line) => line.split(' ').slice(0, -1));
  for (const file of copied) {
    expect([file, existsSync(path.join(ROOT, file))]).toEqual([file, true]);
    expect(ignored).toContain(`!${file}`);
  }
  const [, main] = JSON.parse(instructions('ENTRYPOINT')[0]!) as string[];
  expect(existsSync(path.join(ROOT, main!))).toBe(true);
});
