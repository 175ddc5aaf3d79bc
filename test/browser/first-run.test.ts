import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { readRunning } from '../../src/local/index.ts';
import { type DevProcess, startDev } from '../setup/dev-process.ts';
import { openBrowser } from './open-browser.ts';

const QUESTION = 'Why do rivers bend?';
const MODELS = ['sandbox/gpt', 'sandbox/claude', 'sandbox/gemini'];

let dev: DevProcess;
let browser: Browser;
beforeAll(async () => {
  dev = await startDev({ OPENAI_API_KEY: '', ANTHROPIC_API_KEY: '', GEMINI_API_KEY: '' });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  expect(await dev.stop()).toBe(0);
});

test('the first run streams words, and says who spoke and what it cost', async () => {
  const { code, pieces, text } = await dev.cadenza([
    'run',
    'ask',
    '--input',
    JSON.stringify({ prompt: QUESTION }),
    '--watch',
    '--id',
    'first',
  ]);
  expect(code).toBe(0);
  expect(text).toContain('[sandbox/gpt]');
  expect(pieces.length).toBeGreaterThan(5);
  expect(text).toMatch(/sandbox\/gpt · \d+ \+ \d+ tokens · \$0\.0000\d+/);
});

test('three models are compared, each line labelled with its model when piped', async () => {
  const { code, text } = await dev.cadenza(['compare', QUESTION, '--models', MODELS.join(',')]);
  expect(code).toBe(0);
  for (const model of MODELS) expect(text).toContain(`[${model}]`);
});

test('bad input ends with exit code 2 and the path of the field', async () => {
  expect(await dev.cadenza(['run', 'ask', '--input', '{"prompt":1}'])).toMatchObject({
    code: 2,
    text: expect.stringContaining('input.prompt'),
  });
  expect(await dev.cadenza(['run', 'ask', '--input', '{oops'])).toMatchObject({
    code: 2,
    text: expect.stringMatching(/JSON/),
  });
});

test('the run reads as a story in the Temporal UI', async () => {
  const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
  await page.goto(`${readRunning(dev.home)!.uiUrl}/namespaces/default/workflows/first`);
  await page.getByText('callModel • sandbox/gpt · ask').first().waitFor({ timeout: 20_000 });
  const shown = await page.innerText('body');
  expect(shown).toContain('COMPLETED');
  expect(shown).toMatch(/Workflow Type\s+ask/);
  await page.getByText('Search Attributes').first().click();
  await page.getByText('CadenzaCostUsd').first().waitFor({ timeout: 20_000 });
  expect(await page.innerText('body')).toContain('CadenzaPattern');
  await page.close();
});

test('the page and the API description open', async () => {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(dev.url);
  expect(await page.innerText('body')).toContain('Cadenza');
  await page.goto(`${dev.url}/docs`);
  await page.getByText('/v1/runs').first().waitFor();
  expect(errors).toEqual([]);
  await page.close();
});
