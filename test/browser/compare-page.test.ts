import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import type { Bill } from '../../src/contract/index.ts';
import { until } from '../setup/until.ts';
import { column, compare, MODELS, words, wordsOf } from './comparing.ts';
import { type PageBed, pageBed, type Said } from './page-bed.ts';

function answer(model: string, question: string): Said {
  if (question.includes('endlessly')) return { words: words(model, 2_000), paceMs: 25 };
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
