import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import type { RunInfo, Timeline } from '../../src/contract/index.ts';
import { createGateway, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { openStore } from '../../src/store/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { until, untilEvent } from '../setup/until.ts';
import { newKey, newRun, reply } from '../store/samples.ts';
import { openBrowser } from './open-browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const price = { inputPerMillion: 100, outputPerMillion: 1_000 };
const HOTEL = { toolCalls: [{ id: 'call_b', name: 'book', arguments: { city: 'Rome' } }] };
const WIDE = `\`\`\`\n${'wide'.repeat(100)}\n\`\`\`\n\n|${' wide |'.repeat(30)}\n|${'---|'.repeat(30)}`;

let peer: ChatPeer;
let bed: TestBed;
let gateway: ServedGateway;
let browser: Browser;
let slow = Promise.withResolvers<void>();

beforeAll(async () => {
  peer = await chatPeer(async (prompt, nth, { model }) => {
    if (prompt.includes('hotel')) return HOTEL;
    if (prompt.includes('wide')) return { words: [WIDE] };
    if (prompt.includes('at last')) {
      if (model === 'm') return { status: 404, error: 'no such model' };
      return nth === 2 ? { status: 503, error: 'busy' } : { words: ['at ', 'last'] };
    }
    if (prompt.includes('slowly')) {
      await slow.promise;
      return { words: ['slow ', 'and ', 'steady'] };
    }
    return { words: [`${model} says: `, prompt.slice(0, 40)] };
  });
  bed = await testBed({
    config: {
      providers: { chat: peer.provider },
      policies: { default: { candidates: ['chat/m'] } },
      prices: { 'chat/m': price, 'chat/n': price },
      tools: [
        defineTool({
          name: 'book',
          description: 'Books a hotel.',
          input: z.object({ city: z.string() }),
          approval: 'always',
          run: ({ city }) => `booked in ${city}`,
        }),
      ],
    },
  });
  const { log } = testLog();
  const { client } = bed;
  const app = createGateway({ client, links: { namespace: 'default' }, apiKeys: [], version: '1.2.3', log });
  gateway = await serveGateway({ app, port: 0, host: '127.0.0.1', log, drainMs: 500 });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await gateway.close();
  await bed.close();
  await peer.stop();
});

/** A page in which nothing may go wrong unseen. */
async function open(path: string, options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(gateway.url + path);
  return page;
}
const errors: string[] = [];
const read = async <Value>(path: string) => (await (await fetch(gateway.url + path)).json()) as Value;
const start = (pattern: string, input: object, id: string) =>
  bed.client.startUnchecked(pattern, { policy: { candidates: ['chat/m'], cache: false }, ...input }, { id });

test('the list of runs begins with a first command, and goes live', async () => {
  const page = await open('/runs');
  await page.getByText('npx cadenza run ask').waitFor();
  slow = Promise.withResolvers();
  await start('ask', { prompt: 'slowly' }, 'goes-live');
  const line = page.getByRole('row', { name: /goes-live/ });
  await line.getByText('running').waitFor();
  slow.resolve();
  await line.getByText('completed').waitFor();
  expect(await line.innerText()).toContain('$0.005');

  await page.getByRole('radio', { name: 'failed' }).check({ force: true });
  await page.getByText('No run fits').waitFor();
  expect(page.url()).toContain('status=failed');
  await page.reload();
  await page.getByRole('link', { name: 'Show all runs' }).click();
  await page.getByLabel('Part of a run’s id').fill('GOES');
  await until(() => page.url().includes('text=GOES') || undefined);
  await line.waitFor();
  await page.context().close();
});

test('the waterfall shows a retry and a fallback as they were', async () => {
  const policy = { candidates: ['chat/m', 'chat/n'], cache: false };
  await start('ask', { prompt: 'at last', policy }, 'fell-back');
  await bed.client.result('fell-back');
  const { steps } = await read<Timeline>('/v1/runs/fell-back/timeline');
  const [left, right] = steps[0]!.calls;
  expect(left).toMatchObject({ model: 'chat/m', errors: [{ type: 'ModelNotFound' }] });
  expect(right).toMatchObject({ fallback: { from: 'chat/m' }, attempts: 2 });
  const waitedMs = Date.parse(right!.eachAttempt![1]!.startedAt) - Date.parse(right!.eachAttempt![0]!.endedAt!);

  const page = await open('/runs/fell-back');
  const lines = page.locator('.waterfall-row');
  await lines.nth(2).waitFor();
  const kinds = (n: number) =>
    lines
      .nth(n)
      .locator('.beam')
      .evaluateAll((beams) =>
        beams.map((beam) => (beam as unknown as { className: string }).className.split('beam-')[1]),
      );
  expect(await kinds(1)).toEqual(['failed']);
  expect(await kinds(2)).toEqual(['failed', 'wait', 'silent', 'call']);
  expect(await lines.nth(2).innerText()).toMatch(/done, 2 attempts, (Overloaded|Unavailable)/);
  await lines.nth(2).click();
  const details = page.getByRole('region', { name: 'Details of n' });
  await details.getByText('at last').waitFor();
  expect(await details.innerText()).toContain(`waited ${waitedMs < 1_000 ? `${waitedMs} ms` : '1.'}`);
  expect(await details.innerText()).toContain('Asked instead of chat/m, which ended with ModelNotFound');
  await page.context().close();
});

test('a run that goes on is asked for so seldom that its key can be used, and not before the server says', async () => {
  slow = Promise.withResolvers();
  await start('ask', { prompt: 'slowly' }, 'asked-seldom');
  const page = await (await browser.newContext()).newPage();
  await page.clock.install();
  const asked: string[] = [];
  let open = 0;
  page.on('request', (request) => {
    if (!request.url().includes('/v1/') || request.url().includes('/events')) return;
    asked.push(request.url());
    open += 1;
    void request.response().then(() => {
      open -= 1;
    });
  });
  await page.route('**/approvals', (route) =>
    route.fulfill({ status: 429, headers: { 'retry-after': '40' }, json: {} }),
  );
  await page.goto(`${gateway.url}/runs/asked-seldom`);
  await page.locator('.run-title').getByText('running').waitFor();
  for (let second = 0; second < 60; second++) {
    await page.clock.runFor(1_000);
    await until(() => open === 0 || undefined);
  }
  expect(asked.length).toBeLessThan(30);
  expect(asked.filter((url) => url.endsWith('/approvals')).length).toBe(2);
  slow.resolve();
  await page.clock.resume();
  await page.locator('.run-title').getByText('completed').waitFor();
  await page.getByText('slow and steady').first().waitFor();
  expect(await page.title()).toBe('asked-seldom · Cadenza');
  await page.context().close();
});

test('what is typed into the search of runs meets no other filter, and follows nobody to another page', async () => {
  const page = await (await browser.newContext()).newPage();
  await page.clock.install();
  await page.goto(`${gateway.url}/runs`);
  const search = page.getByLabel('Part of a run’s id');
  await search.fill('fell');
  await page.getByRole('radio', { name: 'completed' }).check({ force: true });
  await page.clock.runFor(1_000);
  await until(() => page.url().includes('text=fell') || undefined);
  expect(page.url()).toContain('status=completed');
  await search.fill('goes');
  await page.getByRole('link', { name: 'Inbox' }).click();
  await page.getByRole('heading', { name: 'Inbox' }).waitFor();
  await page.clock.runFor(1_000);
  expect(new URL(page.url()).pathname).toBe('/inbox');
  await page.context().close();
});

test('an approval answered in the inbox, with other arguments and by the keyboard alone, resumes the run', async () => {
  await start('agent', { task: 'Find a hotel', tools: ['book'] }, 'asks');
  await untilEvent(bed.client, 'asks', 'approval.requested');
  const page = await open('/inbox');
  const card = page.getByRole('article', { name: 'May book be used?' });
  await card.waitFor();
  await page.keyboard.press('j');
  await page.getByLabel('With these arguments').fill('{ "city": ');
  await page.getByLabel('With these arguments').press('Tab');
  await page.getByLabel('Comment').fill('It is nicer there');
  await page.getByLabel('Your name').fill('Ann');
  await page.getByRole('heading', { name: 'Inbox' }).click();
  await page.keyboard.press('a');
  await page.keyboard.press('Enter');
  await card.getByText('are not JSON').waitFor();
  await page.getByLabel('With these arguments').fill('{ "city": "Oslo" }');
  await page.getByRole('heading', { name: 'Inbox' }).click();
  await page.keyboard.press('a');
  await page.keyboard.press('Enter');
  await page.getByText('Approved: agent/book/approve').waitFor();
  expect(await bed.client.result('asks')).toMatchObject({ text: expect.stringContaining('booked in Oslo') });
  const events = await bed.eventsOf('asks');
  expect(events.find(({ type }) => type === 'approval.resolved')).toMatchObject({
    ...{ approved: true, by: 'Ann', comment: 'It is nicer there', arguments: { city: 'Oslo' } },
  });
  await page.getByText('Nothing waits for you').waitFor();
  await page.context().close();
});

test('a fork says what it would cost before it is one, and asks only from its step on', async () => {
  const steps = [
    { id: 'first', prompt: 'alpha' },
    { id: 'second', prompt: 'beta of {{steps.first.text}}' },
  ];
  await start(
    'chain',
    { steps: steps.map((step) => ({ ...step, policy: { candidates: ['chat/m'], cache: false } })) },
    'old',
  );
  await bed.client.result('old');
  const asked = peer.sent.length;
  const page = await open('/runs/old');
  await page.locator('.waterfall-row').nth(1).waitFor();
  await page.keyboard.press('f');
  const dialog = page.getByRole('dialog', { name: 'Fork this run' });
  await dialog.getByLabel('From the step').selectOption('second');
  await dialog.getByLabel('Model').fill('chat/n');
  await dialog.getByText('chat/n').waitFor();
  const button = dialog.getByRole('button', { name: /Fork for about \$0\.00/ });
  await button.waitFor();
  expect(peer.sent.length).toBe(asked);
  await button.click();
  await page.getByRole('heading', { name: 'old-fork-1' }).waitFor();
  await page.getByText('n says: beta of m says: alpha').first().waitFor();
  expect(peer.sent.length).toBe(asked + 1);
  expect(peer.sent.at(-1)!.body.model).toBe('n');

  await page.goto(`${gateway.url}/runs/old?with=old-fork-1`);
  const table = page.locator('.compared-steps');
  await table.waitFor();
  expect(await table.getByRole('row', { name: /second/ }).innerText()).toMatch(/differs[\s\S]*m · .*[\s\S]*n · /);
  await page.context().close();
});

test('a run of many steps is drawn as far as it is seen, and walked by arrows', async () => {
  const store = await openStore({ url: bed.databaseUrl });
  const run = newRun({ pattern: 'chain' });
  for (let n = 0; n < 130; n++) {
    const call = { key: newKey(), run, step: `step ${n}`, model: 'chat/m' };
    await store.journal.begin({ ...call, worstCaseUsd: null });
    await store.journal.end({ ...call, epoch: 1 }, { reply: reply({ model: 'chat/m' }), completesStep: true });
  }
  await store.events.record(run, [{ type: 'run.completed', costUsd: 1, key: 'end' }]);
  await store.close();
  const page = await open(`/runs/${run.id}`);
  const lines = page.locator('.waterfall-row');
  await lines.first().waitFor();
  expect(await lines.count()).toBeLessThan(60);
  await lines.first().focus();
  await page.keyboard.press('End');
  await page.getByRole('button', { name: /step 129\b.*Line 130 of 130/ }).waitFor();
  await page.waitForFunction(`document.activeElement?.textContent?.includes('step 129')`);
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Details of step 129' }).waitFor();
  await page.context().close();
});

test('the page of spending tells what the bills tell', async () => {
  const { runs } = await read<{ runs: RunInfo[] }>('/v1/runs?limit=200');
  const sum = runs.reduce((total, { costUsd }) => total + (costUsd ?? 0), 0);
  const page = await open('/spend');
  const spent = page.locator('.totals div', { hasText: 'Spent' }).locator('dd').first();
  await spent.waitFor();
  expect(Number((await spent.innerText()).slice(1))).toBeCloseTo(sum, 2);
  const chart = page.getByRole('slider', { name: 'Cost a day' });
  await chart.focus();
  await page.keyboard.press('ArrowLeft');
  expect(await chart.getAttribute('aria-valuetext')).toContain('chat/m $');
  await page.getByRole('link', { name: 'Pattern' }).click();
  await page.getByRole('rowheader', { name: 'agent' }).waitFor();
  expect(page.url()).toContain('by=pattern');
  await page.context().close();
});

test('from the list to a line of the waterfall by the keyboard alone', async () => {
  const page = await open('/runs?text=fell-back');
  await page.getByRole('row', { name: /fell-back/ }).waitFor();
  // Shortcuts hold a moment after the row is seen.
  await until(async () => {
    await page.keyboard.press('j');
    return (await page.evaluate<boolean>(`document.activeElement?.closest('tr') !== null`)) || undefined;
  });
  await page.keyboard.press('Enter');
  await page.locator('.waterfall-row').first().waitFor();
  const isOnLine = () => page.evaluate<boolean>(`document.activeElement?.classList.contains('waterfall-row')`);
  for (let n = 0; n < 40 && !(await isOnLine()); n++) await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await page.waitForFunction(`document.activeElement?.getAttribute('data-row') === '1'`);
  await page.keyboard.press('Enter');
  await page.getByRole('region', { name: 'Details of m' }).waitFor();
  await page.keyboard.press('z');
  await page.getByRole('button', { name: 'Whole run' }).waitFor();
  await page.keyboard.press('0');
  await page.getByRole('button', { name: 'Whole run' }).waitFor({ state: 'detached' });
  await page.context().close();
});

test('axe finds nothing serious on any of these pages, light, dark and at a phone’s width', async () => {
  await start('agent', { task: 'Find a hotel', tools: ['book'] }, 'waits');
  await untilEvent(bed.client, 'waits', 'approval.requested');
  for (const id of ['wide', 'wide-too']) {
    await start('ask', { prompt: WIDE }, id);
    await bed.client.result(id);
  }
  const pages: [path: string, seen: string][] = [
    ['/runs', '.run-table'],
    ['/runs/fell-back', '.said-panel'],
    ['/runs/waits', '.approval'],
    ['/runs/old?with=old-fork-1', '.compared-steps'],
    ['/runs/wide?with=wide-too', '.compared-side .code-block'],
    ['/inbox', '.approval'],
    ['/spend', '.chart'],
  ];
  const found: string[] = [];
  for (const [colorScheme, width] of [
    ['light', 1280],
    ['dark', 390],
  ] as const) {
    const page = await open('/runs', { colorScheme, viewport: { width, height: 900 }, bypassCSP: true });
    for (const [path, seen] of pages) {
      await page.goto(gateway.url + path);
      await page.locator(seen).first().waitFor();
      if (path.startsWith('/runs/')) await page.locator('.waterfall-row').first().click();
      await page.evaluate(AXE);
      const violations = await page.evaluate(async () => {
        const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
        return (await axe.run()).violations;
      });
      for (const { id, impact, nodes } of violations)
        if (impact === 'serious' || impact === 'critical') found.push(`${path} ${colorScheme} ${id} ${nodes[0]!.html}`);
      const isWider = await page.evaluate<boolean>('document.documentElement.scrollWidth > innerWidth');
      if (isWider) found.push(`${path} is wider than ${width} px`);
    }
    await page.context().close();
  }
  expect(found).toEqual([]);
  expect(errors).toEqual([]);
});

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}
