import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Bill } from '../../src/contract/index.ts';
import { until } from '../setup/until.ts';
import { column, compare, finished, MODELS, words, wordsOf } from './comparing.ts';
import { type PageBed, pageBed, type Said } from './page-bed.ts';

function answer(model: string, question: string): Said {
  if (question.includes('endlessly')) return { words: words(model, 2_000), paceMs: 25 };
  if (question.includes('note it')) return { words: ['Noted[^1].\n\n', '[^1]: By whom'] };
  return { words: words(model, 20), paceMs: 5 };
}

let bed: PageBed;
beforeAll(async () => {
  bed = await pageBed(answer);
});
afterAll(async () => {
  await bed.close();
});

/** As the page writes a sum that is estimated. */
const about = (dollars: number) => `≈ $${dollars.toFixed(Math.max(2, 2 - Math.ceil(Math.log10(dollars))))}`;
const post = async <Value>(path: string, body: object): Promise<Value> => {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(bed.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json() as Value;
};
const billOf = async (page: Page): Promise<Bill> =>
  (await fetch(`${bed.url}/v1/runs/${page.url().split('/').at(-1)}/bill`)).json() as Promise<Bill>;

test('what was stopped stands on the bill under the answers, in its column and in all', async () => {
  const page = await bed.open('/');
  await compare(page, 'Go on endlessly');
  for (const model of MODELS) await until(async () => ((await wordsOf(page, model)) > 10 ? true : undefined));
  await column(page, MODELS[1]!).getByRole('button', { name: 'Stop peer/two' }).click();
  await column(page, MODELS[1]!).getByText('Stopped here.').waitFor();
  const { calls } = await billOf(page);
  expect(calls.map(({ model }) => model)).toEqual(['peer/two']);
  await column(page, MODELS[1]!).getByText(about(calls[0]!.costUsd!), { exact: true }).waitFor();

  await page.getByRole('button', { name: 'Stop all' }).click();
  const bill = page.locator('.bill-bar');
  await bill.getByText('In all').waitFor();
  await until(async () => (await billOf(page)).calls.length === 3 || undefined);
  await bill.getByText(about((await billOf(page)).totalUsd!), { exact: true }).waitFor();
  for (const { model, costUsd } of (await billOf(page)).calls)
    await column(page, model).getByText(about(costUsd!), { exact: true }).waitFor();
  await page.context().close();
});

const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
/** So large that it is made smaller first. */
const large = (name: string, bytes: Buffer) => ({
  ...{ name, mimeType: 'image/png', buffer: Buffer.concat([bytes, Buffer.alloc(3_600_000)]) },
});

test('what is written and picked while an image is prepared is kept, and a broken image is told of', async () => {
  const context = await bed.browser.newContext();
  const page = await context.newPage();
  page.on('pageerror', (error) => bed.errors.push(error.message));
  await page.addInitScript(`
    const decode = createImageBitmap;
    const held = new Promise((resolve) => (globalThis.release = resolve));
    globalThis.createImageBitmap = async (file) => {
      if (file.name === 'slow.png') await held;
      return decode(file);
    };`);
  await page.goto(bed.url);
  const picker = page.locator('input[type=file]');
  const dot = Buffer.from(DOT, 'base64');
  await page.getByRole('textbox', { name: 'Question' }).fill('Before');
  await picker.setInputFiles(large('slow.png', dot));
  await picker.setInputFiles(large('quick.png', dot));
  await page.getByRole('img', { name: '1 of 1' }).waitFor();
  await page.getByRole('textbox', { name: 'Question' }).fill('Before and meanwhile');
  await page.evaluate('release()');
  await page.getByRole('img', { name: '2 of 2' }).waitFor();
  expect(await page.getByRole('textbox', { name: 'Question' }).inputValue()).toBe('Before and meanwhile');

  await picker.setInputFiles([large('broken.png', Buffer.from('no image')), large('whole.png', dot)]);
  await page.getByText('broken.png cannot be read as an image').waitFor();
  await page.getByRole('img', { name: '3 of 3' }).waitFor();
  expect(bed.errors).toEqual([]);
  await context.close();
});

test('a comparison that is asked again keeps what was said before it, its system, judge and merge', async () => {
  const messages = [
    { role: 'user', content: 'My name is Ann' },
    { role: 'assistant', content: 'Hello Ann' },
    { role: 'user', content: 'What is my name?' },
  ];
  const policy = { candidates: ['peer/one'], temperature: 0.5, cache: false };
  const input = {
    ...{ messages, policy, models: MODELS.slice(0, 2), system: 'Be brief', rubric: 'Short' },
    ...{ judge: 'peer/three', merge: 'peer/two' },
  };
  const { id } = await post<{ id: string }>('/v1/runs', { pattern: 'compare', input });
  const page = await bed.open(`/compare/${id}`);
  await page.getByRole('button', { name: 'Ask again' }).click();
  expect(await page.getByRole('textbox', { name: 'Question' }).inputValue()).toBe('What is my name?');
  await page.getByText('the 2 messages before it, its instructions, and its rubric').waitFor();
  await page.getByRole('textbox', { name: 'Question' }).fill('And what is it backwards?');
  await page.getByRole('button', { name: /^Compare/ }).click();
  await page.waitForURL('**/compare/**');
  const again = await (await fetch(`${bed.url}/v1/runs/${page.url().split('/').at(-1)}/input`)).json();
  const question = { role: 'user', content: [{ type: 'text', text: 'And what is it backwards?' }] };
  expect(again).toMatchObject({ input: { ...input, messages: [...messages.slice(0, 2), question] } });

  // The next question is one of its own.
  await page.goto(bed.url);
  expect(await page.getByText('Asked again with').count()).toBe(0);
  await page.context().close();
});

test('a run of another pattern is no comparison, and an unknown one is only that', async () => {
  const { id } = await post<{ id: string }>('/v1/runs', { pattern: 'ask', input: { prompt: 'Alone' } });
  const page = await bed.open(`/compare/${id}`);
  await page.getByText('This run is of the pattern ask').waitFor();
  await page.keyboard.press('s');
  await page.getByRole('link', { name: 'see what it did' }).click();
  await page.waitForURL(`**/runs/${id}`);
  await page.goto(`${bed.url}/compare/nobody-knows-it`);
  await page.getByRole('alert').waitFor();
  expect(await page.getByRole('button', { name: 'Stop all' }).count()).toBe(0);
  expect(bed.errors).toEqual([]);
  await page.context().close();
});

test('three answers scroll within their own strip, however narrow the window', async () => {
  const page = await bed.open('/');
  await compare(page, 'Fit in');
  for (const model of MODELS) await finished(page, model);
  for (const width of [640, 360]) {
    await page.setViewportSize({ width, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  }
  await page.context().close();
});

test('footnotes of two answers lead to their own, and a link is copied also where there is no clipboard', async () => {
  const page = await bed.open('/');
  await compare(page, 'Please note it', MODELS.slice(0, 2));
  for (const model of MODELS.slice(0, 2)) await finished(page, model);
  const second = column(page, MODELS[1]!);
  const address = await second.locator('sup a').getAttribute('href');
  expect(await page.locator(`[id="${address!.slice(1)}"]`).count()).toBe(1);
  expect(await second.locator(`[id="${address!.slice(1)}"]`).count()).toBe(1);
  expect(await page.title()).toContain('Please note it');

  await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
  await page.getByRole('button', { name: 'Link' }).click();
  await page.getByRole('button', { name: 'Copied' }).waitFor();
  await page.getByRole('link', { name: 'Compare' }).click();
  await page.getByRole('heading', { name: 'Ask several models' }).waitFor();
  expect(await page.title()).toBe('Cadenza');
  expect(bed.errors).toEqual([]);
  await page.context().close();
});

test('a tie has no best answer', async () => {
  const scores = MODELS.slice(0, 2).map((model, n) => ({ answer: n + 1, model, score: 0.8, reason: 'Good' }));
  const verdict = { best: MODELS[0], bestAnswer: 1, reason: 'Both', scores, mode: 'scores', tied: [1, 2] };
  const events = [
    { type: 'run.started', pattern: 'compare' },
    ...MODELS.slice(0, 2).flatMap((step) => [
      { type: 'step.started', step },
      { type: 'step.completed', step },
    ]),
    { type: 'verdict', step: 'judge', verdict },
    { type: 'run.completed', costUsd: 0 },
  ];
  const page = await bed.open('/');
  await page.route('**/v1/runs/tied/**', (route) =>
    route.request().url().includes('/events')
      ? route.fulfill({
          contentType: 'text/event-stream',
          body: events
            .map((event, n) => `data: ${JSON.stringify({ ...event, seq: n + 1, at: new Date().toISOString() })}\n\n`)
            .join(''),
        })
      : route.fulfill({ status: 404, json: {} }),
  );
  await page.goto(`${bed.url}/compare/tied`);
  await page.getByText('A tie').waitFor();
  expect(await page.locator('.column').count()).toBe(2);
  expect(await page.locator('.column.best').count()).toBe(0);
  await page.context().close();
});
