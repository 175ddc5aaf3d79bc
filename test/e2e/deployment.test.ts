import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';
import { readEnvironment } from '../../src/config/index.ts';
import { SEARCH_ATTRIBUTES } from '../../src/contract/index.ts';
import { SHUTDOWN_GRACE_MS } from '../../src/workers/plugin.ts';
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
  stop_grace_period?: string;
}

interface Container {
  image: string;
  args: string[];
  ports?: { name: string; containerPort: number }[];
  lifecycle?: { preStop: { exec: { command: string[] } } };
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  startupProbe?: Probe;
  envFrom: object[];
}

interface Probe {
  httpGet: { path: string; port: string };
}

/** What of Kubernetes' objects is looked at here. */
interface Manifest {
  kind: string;
  metadata: { name?: string };
  data: Record<string, string>;
  spec: {
    selector: { matchLabels: object };
    template: {
      metadata: { labels: object };
      spec: { terminationGracePeriodSeconds: number; containers: Container[] };
    };
    scaleTargetRef: { name: string };
    triggers: { type: string; metadata: Record<string, string> }[];
  };
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const compose = parse(read('docker-compose.yml'), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const services = Object.entries(compose.services);
const { gateway, worker, postgres } = compose.services as Record<'gateway' | 'worker' | 'postgres', Service>;
const dockerfile = read('Dockerfile');
const instructions = (name: string) =>
  [...dockerfile.matchAll(new RegExp(`^${name} (.*)$`, 'gm'))].map(([, rest]) => rest!);

const ours = services.filter(([, { build }]) => build !== undefined);

const manifests = readdirSync(path.join(ROOT, 'deploy/kubernetes')).flatMap((file) =>
  parseAllDocuments(read(path.join('deploy/kubernetes', file))).map((one) => one.toJS() as Manifest),
);
const ofKind = (kind: string) => manifests.filter((one) => one.kind === kind);
const deployments = ofKind('Deployment').map(({ metadata: { name }, spec: { template } }) => ({
  ...{
    name: name!,
    container: template.spec.containers[0]!,
    graceSeconds: template.spec.terminationGracePeriodSeconds,
  },
}));
const settings = ofKind('ConfigMap')[0]!.data;

const jobs = ofKind('Job').map(({ spec: { template } }) => template.spec.containers[0]!);

const { app, served } = await gatewayForTest();
await served.close();
const { paths } = app.getOpenAPI31Document({ openapi: '3.1.0', info: { title: '', version: '' } });
const port = String(readEnvironment({}).port);

test('there are Temporal with its UI, two databases, one worker and one gateway', () => {
  expect(Object.keys(compose.services).sort()).toEqual([
    ...['gateway', 'postgres', 'temporal', 'temporal-namespace', 'temporal-postgres', 'temporal-schema'],
    ...['temporal-ui', 'worker'],
  ]);
  expect(ours.map(([name]) => name)).toEqual(['worker', 'gateway']);
});

test('what is started of ours are commands of the CLI, with flags they have', async () => {
  const inImage = JSON.parse(instructions('CMD')[0]!) as string[];
  const inPods = [...deployments.map(({ container }) => container), ...jobs].map(({ args }) => args);
  const started = [inImage, ...ours.map(([, { command }]) => command!), ...inPods];
  for (const command of new Set(started.map(([first]) => first!))) {
    const { code, stdout } = await cadenza([command, '--help']);
    expect([command, code]).toEqual([command, 0]);
    expect(stdout).toContain(`cadenza ${command}`);
    const flags = started
      .filter(([first]) => first === command)
      .flat()
      .filter((word) => word.startsWith('--'));
    for (const flag of flags) expect(stdout).toContain(flag);
  }
});

test('every variable it sets for ours is one that the sources read', () => {
  const sources = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(path.join('src', file)))
    .join('\n');
  const set = [...ours.flatMap(([, { environment }]) => Object.keys(environment)), ...Object.keys(settings)];
  const inImage = instructions('ENV').flatMap((line) => [...line.matchAll(/([A-Z_]+)=/g)].map(([, name]) => name!));
  const known = (name: string) => /^NODE_(ENV|OPTIONS)$/.test(name) || new RegExp(`\\b${name}\\b`).test(sources);
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

test('gateway and worker are asked whether they are well at routes they have, on the ports they listen at', () => {
  const asked = (service: Service) => new URL(/http:[^']+/.exec(service.healthcheck!.test.join(' '))![0]);
  expect(Object.keys(paths!)).toContain(asked(gateway).pathname);
  expect(asked(gateway).port).toBe(port);
  expect(gateway.ports).toEqual([`\${CADENZA_PORT:-${port}}:${port}`]);
  expect(instructions('EXPOSE')).toEqual([port]);
  expect(Object.keys(paths!)).toContain(asked(worker).pathname);
  expect(asked(worker).port).toBe(String(worker.environment.CADENZA_METRICS_PORT));
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

test('pods are asked at routes they have, on ports they listen at', () => {
  const listens = { http: Number(port), metrics: Number(settings.CADENZA_METRICS_PORT) };
  for (const { name, container } of deployments) {
    const ports = Object.fromEntries(container.ports!.map((one) => [one.name, one.containerPort]));
    expect([name, listens]).toEqual([name, expect.objectContaining(ports)]);
    for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
      expect([name, Object.keys(ports)]).toEqual([name, expect.arrayContaining([probe!.httpGet.port])]);
      expect(Object.keys(paths!)).toContain(probe!.httpGet.path);
    }
    // It is not started again for what others do.
    expect(container.livenessProbe!.httpGet.path).toBe('/health/live');
  }
});

test('whoever is told to stop has the time that stopping takes', () => {
  const [, gatewayMs] = /DRAIN_MS = ([\d_]+)/.exec(read('src/gateway/serve.ts'))!;
  const takes: Record<string, number> = {
    worker: SHUTDOWN_GRACE_MS / 1_000,
    gateway: Number(gatewayMs!.replace('_', '')) / 1_000,
  };
  for (const { name, graceSeconds, container } of deployments) {
    const before = Number(container.lifecycle?.preStop.exec.command.at(-1) ?? 0);
    expect([name, graceSeconds]).toEqual([name, expect.any(Number)]);
    expect(graceSeconds).toBeGreaterThanOrEqual(before + takes[name]! + 10);
  }
  for (const [, { stop_grace_period }] of ours)
    expect(Number.parseInt(stop_grace_period!, 10)).toBeGreaterThanOrEqual(takes.worker! + 10);
});

test('workers and gateways are scaled, never all taken away at once, and get what is secret from one secret', () => {
  const scaled = [...ofKind('ScaledObject'), ...ofKind('HorizontalPodAutoscaler')].map(
    (one) => one.spec.scaleTargetRef.name,
  );
  expect(scaled.sort()).toEqual(['gateway', 'worker']);
  expect(deployments.map(({ name }) => name).sort()).toEqual(scaled);
  for (const { metadata, spec } of ofKind('Deployment')) {
    const budget = ofKind('PodDisruptionBudget').find(({ metadata: { name } }) => name === metadata.name);
    expect(budget?.spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
  }
  for (const { envFrom } of [...deployments.map(({ container }) => container), ...jobs]) {
    expect(envFrom).toEqual([{ configMapRef: { name: 'cadenza' } }, { secretRef: { name: 'cadenza' } }]);
  }
  expect(ofKind('Secret')).toEqual([]);
});

test('workers are scaled by the queue they take their work from', () => {
  const trigger = ofKind('ScaledObject')[0]!.spec.triggers.find(({ type }) => type === 'temporal')!;
  expect(trigger.metadata).toMatchObject({
    endpoint: settings.TEMPORAL_ADDRESS,
    namespace: settings.TEMPORAL_NAMESPACE,
    taskQueue: settings.CADENZA_TASK_QUEUE,
  });
});

test('all pods run the version of this project', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  const { images } = parse(read('deploy/kubernetes/kustomization.yaml')) as {
    images: { newName: string; newTag: string }[];
  };
  expect(images[0]!.newTag).toBe(version);
  for (const { image } of jobs) expect(image).toBe(`${images[0]!.newName}:${version}`);
});
