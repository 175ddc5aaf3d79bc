import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { cadenza } from './command-line.ts';

/** Keeps the names of the packages a process loads: a bundle says in comments what it is made of. */
const RECORDER = `
import { writeFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
const packages = new Set();
registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const inBundle = url.includes('/.cadenza/cli/') ? String(loaded.source).match(/^\\/\\/ .*$/gm) : [];
    for (const place of [url, ...(inBundle ?? [])])
      packages.add(/node_modules\\/((?:@[^/]+\\/)?[^/]+)/.exec(place)?.[1] ?? 'cadenza');
    return loaded;
  },
});
process.on('exit', () => writeFileSync(process.env.LOADED_PACKAGES, JSON.stringify([...packages])));
`;
/** What takes long to load: SDKs, the tokenizer, the schema checker, the chart library, the logger, the worker. */
const HEAVY =
  /^(openai|@anthropic-ai\/sdk|@google\/genai|gpt-tokenizer|ajv|vega|vega-lite|@copilotkit\/aimock|pino|pino-pretty|@temporalio\/worker)$/;
/** What connects to Temporal, loads in 0.2 s. */
const TEMPORAL = /^@(temporalio\/(client|proto)|grpc\/grpc-js)$|^protobufjs$/;

let folder: string;
let fresh: FreshStore;
beforeAll(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-start-'));
  fresh = await freshStore();
  // Makes the bundle where this is the first start.
  await cadenza(['--version']);
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await fresh.drop();
});

async function packagesLoadedBy(args: string[]): Promise<string[]> {
  const file = path.join(folder, `${args[0]}.json`);
  const { code, stderr } = await cadenza(args, {
    env: {
      NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(RECORDER)}`,
      LOADED_PACKAGES: file,
      TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
      CADENZA_DATABASE_URL: fresh.url,
    },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(readFileSync(file, 'utf8'));
}

test('help loads the parser of the command line, and nothing else', async () => {
  expect((await packagesLoadedBy(['--help'])).sort()).toEqual(['cadenza', 'commander']);
});

test.each([['runs'], ['budget', 'show', 'tenant:acme']])('cadenza %s asks PostgreSQL alone', async (...args) => {
  const packages = await packagesLoadedBy(args);
  expect(packages).toEqual(expect.arrayContaining(['kysely', 'pg']));
  expect(packages.filter((name) => HEAVY.test(name) || TEMPORAL.test(name))).toEqual([]);
});

test.each([['approvals'], ['schedule', 'list']])(
  'cadenza %s loads Temporal, but no worker of it and no SDK',
  async (...args) => {
    const packages = await packagesLoadedBy(args);
    expect(packages).toEqual(expect.arrayContaining(['@temporalio/client']));
    expect(packages.filter((name) => HEAVY.test(name))).toEqual([]);
  },
);

test('a worker loads the SDKs of the providers it has keys of, and nothing that only some runs need', async () => {
  const file = path.join(folder, 'worker.json');
  const room = (name: string) => JSON.stringify(new URL(`../../src/${name}/index.ts`, import.meta.url).href);
  const program = `
    import ${room('workers')};
    import { warmUp } from ${room('providers')};
    import { parseConfig } from ${room('config')};
    await warmUp(parseConfig({}), { OPENAI_API_KEY: 'sk-test' });
    process.exit();`;
  const given = [
    '--import',
    `data:text/javascript,${encodeURIComponent(RECORDER)}`,
    '--input-type=module',
    '-e',
    program,
  ];
  await promisify(execFile)(process.execPath, given, { env: { ...process.env, LOADED_PACKAGES: file } });
  const packages: string[] = JSON.parse(readFileSync(file, 'utf8'));
  expect(packages).toEqual(expect.arrayContaining(['openai', 'gpt-tokenizer', '@temporalio/worker']));
  const some =
    /^(@anthropic-ai\/sdk|@google\/genai|libphonenumber-js|yaml|mdast-util-from-markdown|mathjs|re2js|mammoth)$/;
  expect(packages.filter((name) => some.test(name))).toEqual([]);
});
