import type { Page } from 'playwright-core';

export const MODELS = ['peer/one', 'peer/two', 'peer/three'];

/** `<model>1 <model>2 ... <model>n`: what is missing or doubled is seen. */
export const words = (model: string, n: number) => Array.from({ length: n }, (_, at) => `${model}${at + 1} `);
export const whole = (model: string, n: number) => words(model, n).join('').trim();

/** Starts a comparison as a person would. */
export async function compare(page: Page, question: string, models = MODELS): Promise<void> {
  await page.getByRole('textbox', { name: 'Question' }).fill(question);
  // Some are suggested once the list is here.
  const chips = page.getByRole('button', { name: /^Remove / });
  await chips.first().waitFor();
  while ((await chips.count()) > 0) await chips.first().click();
  await page.getByRole('button', { name: /Choose models|Add/ }).click();
  const search = page.getByRole('combobox', { name: 'Search models' });
  for (const model of models) {
    await search.fill(model);
    await search.press('Enter');
  }
  await search.press('Escape');
  await page.getByRole('button', { name: /^Compare/ }).click();
  await page.waitForURL('**/compare/**');
}

export const column = (page: Page, model: string) => page.getByRole('article', { name: model });
export const said = async (page: Page, model: string) =>
  (await column(page, model).locator('.markdown').innerText({ timeout: 30_000 })).trim();
export const wordsOf = async (page: Page, model: string) => (await said(page, model)).split(/\s+/).length;

export async function finished(page: Page, model: string): Promise<void> {
  await column(page, model).getByText('finished').waitFor();
}
