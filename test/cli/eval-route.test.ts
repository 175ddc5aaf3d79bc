import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { FAST, FORTY, ROUTES, STRONG } from '../setup/forty-prompts.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { cadenza } from './command-line.ts';

const example = (name: string) => fileURLToPath(new URL(`../../examples/route/${name}`, import.meta.url));
const DATA = example('prompts.jsonl');
const folder = mkdtempSync(path.join(os.tmpdir(), 'cadenza-eval-'));

let bed: TestBed;
let env: Record<string, string>;
beforeAll(async () => {
  const provider = await mockProvider((request) => {
    const prompt = promptOf(request);
    const said = JSON.stringify(request.messages);
    const reply = (content: unknown) => ({ content: JSON.stringify(content), usage: USAGE });
    if (said.includes('You sort requests')) {
      const { kind } = FORTY.find((one) => prompt.includes(one.prompt))!;
      return reply({ label: kind === 'simple' ? 'fast' : 'strong', confidence: 0.8 });
    }
    if (said.includes('You judge answers')) {
      const letters = [...prompt.matchAll(/Answer (\w):\n(\w+)/g)];
      const marks = letters.map(([, letter, word]) => [
        letter,
        { reason: '', score: word === 'strong' ? 0.9 : prompt.includes('easy') ? 0.9 : 0.2 },
      ]);
      return reply({ answers: Object.fromEntries(marks), reason: '' });
    }
    return { content: request.model === 'gpt-6-luna' ? 'fast answer' : 'strong answer', usage: USAGE };
  });
  bed = await testBed({ provider });
  env = {
    ...provider.env,
    TEMPORAL_ADDRESS: process.env.CADENZA_TEST_TEMPORAL_ADDRESS!,
    CADENZA_DATABASE_URL: bed.databaseUrl,
    CADENZA_TASK_QUEUE: bed.taskQueue,
  };
});
afterAll(async () => {
  await bed.close();
  rmSync(folder, { recursive: true, force: true });
});

test('forty prompts are replayed through every strategy: a table, a curve, and all decisions', async () => {
  const out = path.join(folder, 'all');
  const { code, stdout, stderr } = await cadenza([
    'eval',
    'route',
    '--data',
    DATA,
    '--routes',
    example('routes.json'),
    '--out',
    out,
  ]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const name of Object.keys(ROUTES)) expect(stdout).toMatch(new RegExp(`^${name} +0\\.\\d{3} +\\$`, 'm'));
  expect(stdout).toMatch(/^always strong \(strong\) +0\.943 +\$4\.131 +100\.0 %/m);
  expect(stdout).toMatch(/^cascade: .* cheaper than strong alone, at \d+\.\d % of its quality/m);

  const svg = readFileSync(path.join(out, 'curve.svg'), 'utf8');
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  for (const text of ['Quality against cost', 'USD for 1,000 prompts', 'always fast', ...Object.keys(ROUTES)]) {
    expect(svg).toContain(text);
  }
  const decisions = readFileSync(path.join(out, 'decisions.jsonl'), 'utf8').trim().split('\n');
  expect(decisions).toHaveLength(Object.keys(ROUTES).length * FORTY.length);
  expect(JSON.parse(decisions[0]!)).toMatchObject({
    route: 'rules',
    record: 1,
    choice: 'fast',
    reason: expect.any(String),
  });
});

test('with --json a program gets the same measures, each router cheaper than the strong model alone', async () => {
  const { stdout } = await cadenza(['eval', 'route', '--json', '--data', DATA, '--routes', example('routes.json')]);
  const { weak, strong, alone, routers, records, files } = JSON.parse(stdout);
  expect({ weak, strong, records }).toEqual({ weak: 'fast', strong: 'strong', records: 40 });
  expect(files.curve).toBe(path.join('routing-evaluation', 'curve.svg'));
  expect(routers).toHaveLength(5);
  for (const { point, apgr, cpt50, cpt80, saving } of routers) {
    expect(point.costUsd).toBeLessThan(alone.strong.costUsd);
    expect(point.quality).toBeGreaterThan(alone.fast.quality);
    // better than choosing at random
    expect(apgr).toBeGreaterThan(0.5);
    expect(cpt50).toBeLessThan(cpt80);
    expect(saving.againstRandom).toBeGreaterThan(0);
  }
});

test('a classifier whose word is not in the data is asked, durably', async () => {
  const data = path.join(folder, 'unclassified.jsonl');
  const lines = readFileSync(DATA, 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...JSON.parse(line), classified: undefined }));
  writeFileSync(data, lines.map((line) => JSON.stringify(line)).join('\n'));
  const routes = path.join(folder, 'classifier.json');
  writeFileSync(routes, JSON.stringify({ ...ROUTES.classifier, model: FAST }));
  const args = ['eval', 'route', '--json', '--data', data, '--routes', routes, '--out', folder];
  const { code, stdout, stderr } = await cadenza(args, { env });
  expect(stderr).toBe('');
  expect(code).toBe(0);
  expect(JSON.parse(stdout).routers).toMatchObject([{ name: 'route', choices: { fast: 10, strong: 30 } }]);
  expect(bed.provider.asked('You sort requests', 'gpt-6-luna')).toBe(40);

  const nothingRuns = await cadenza(args);
  expect(nothingRuns.code).toBe(1);
  expect(nothingRuns.stderr).toContain('has to be asked about 40 prompts, and nothing is running here');
});

test('past comparisons with a judge are a data set too, at the cost the ledger has', async () => {
  for (const prompt of ['an easy one', 'another easy one', 'a hard one', 'another hard one']) {
    const run = await bed.client.start('compare', { prompt, models: [FAST, STRONG], judge: 'openai/gpt-6-sol' });
    await run.result();
  }
  const routes = path.join(folder, 'past.json');
  const policies = { cheap: FAST, dear: STRONG };
  const rules = [{ when: { matches: 'hard' }, choose: 'dear' }];
  writeFileSync(routes, JSON.stringify({ words: { strategy: 'rules', rules, policies, default: 'cheap' } }));
  const { code, stdout, stderr } = await cadenza(
    ['eval', 'route', '--json', '--from-ledger', '--routes', routes, '--out', folder],
    { env },
  );
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const { records, weak, strong, alone, routers } = JSON.parse(stdout);
  expect({ records, weak, strong }).toEqual({ records: 4, weak: 'cheap', strong: 'dear' });
  expect(alone).toMatchObject({ cheap: { quality: expect.closeTo(0.55) }, dear: { quality: expect.closeTo(0.9) } });
  expect(routers).toMatchObject([
    { point: { quality: expect.closeTo(0.9), strongShare: 0.5 }, choices: { cheap: 2, dear: 2 } },
  ]);
  const { cheap, dear } = alone;
  expect(routers[0].point.costUsd).toBeCloseTo((cheap.costUsd + dear.costUsd) / 2, 12);
});

const mistakes: [string, string[], string][] = [
  ['no data', ['--routes', example('routes.json')], 'Give either --data or --from-ledger'],
  [
    'data that is not there',
    ['--data', 'nowhere.jsonl', '--routes', example('routes.json')],
    'There is no file "nowhere.jsonl"',
  ],
  ['a route that the config does not have', ['--data', DATA, '--routes', 'best'], 'There is no route named "best"'],
  [
    'a baseline that nobody chooses',
    ['--data', DATA, '--routes', example('routes.json'), '--strong', 'huge'],
    'The strong baseline "huge" is chosen by no route. Known: strong, fast',
  ],
];
test.each(mistakes)('%s ends with 2 and says so', async (_, args, said) => {
  const { code, stdout, stderr } = await cadenza(['eval', 'route', ...args]);
  expect(stderr).toContain(said);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});

test('a router without a default is one clear error, naming it', async () => {
  const routes = path.join(folder, 'bad.json');
  const { default: _, ...rules } = ROUTES.rules!;
  writeFileSync(routes, JSON.stringify({ support: rules }));
  const { code, stderr } = await cadenza(['eval', 'route', '--data', DATA, '--routes', routes]);
  expect(code).toBe(2);
  expect(stderr).toContain('support.default: A router needs a default');
});
