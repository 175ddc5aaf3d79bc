import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../setup/until.ts';
import { column, compare, finished, MODELS, said, whole, words, wordsOf } from './comparing.ts';
import { type PageBed, pageBed, type Said } from './page-bed.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const HOSTILE = `# Fine so far

<script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> <svg onload="window.hacked = 3"></svg>

[press](javascript:window.hacked=4) [data](data:text/html,<script>window.hacked=5</script>) ![beacon](http://127.0.0.1:1/beacon.png)

[a]: javascript:window.hacked=6
[press too][a] <a href="javascript:window.hacked=7">raw</a> [real](https://example.org/?a=1&b="2)

\`\`\`html"><img src=x onerror=window.hacked=8>
<b onclick="window.hacked=9">x</b>
\`\`\`

&lt;b&gt;named &copy;

<iframe srcdoc="<script>parent.hacked=10</script>"></iframe>`;

function answer(model: string, question: string, isAfterTool: boolean): Said {
  if (question.includes('hostile')) return { words: HOSTILE.split(/(?<=\s)/) };
  if (question.includes('endless') && model === 'two') return { words: words(model, 2_000), paceMs: 25 };
  if (question.includes('calculate') && !isAfterTool)
    return { words: [], tool: { name: 'calculator', arguments: { expression: '6 * 7' } } };
  if (question.includes('person') && !isAfterTool)
    return { words: [], tool: { name: 'ask_person', arguments: { question: 'Which one?' } } };
  if (question.includes('slowly')) return { words: words(model, 120), paceMs: 40 };
  return { words: words(model, 20), paceMs: 5 };
}

let bed: PageBed;
beforeAll(async () => {
  bed = await pageBed(answer);
});
afterAll(async () => {
  await bed.close();
});

test('three models answer side by side, live, with the bill under them', async () => {
  const page = await bed.open('/');
  await compare(page, 'Tell slowly, **please**');
  await until(async () => ((await wordsOf(page, MODELS[2]!)) > 5 ? true : undefined));
  for (const model of MODELS) {
    expect(await column(page, model).getAttribute('aria-busy')).toBe('true');
    expect(await wordsOf(page, model)).toBeGreaterThan(2);
  }
  await page.reload();
  for (const model of MODELS) {
    await finished(page, model);
    expect(await said(page, model)).toBe(whole(model.slice(5), 120));
    // 20 tokens in and 120 out
    expect(await column(page, model).getByText('$0.0012').count()).toBe(1);
  }
  const bill = page.locator('.bill-bar');
  await bill.getByText('In all').waitFor();
  expect(await bill.innerText()).toMatch(/In all\s+\$0\.0037\s+Tokens\s+60 in, 360 out/);
  expect(await page.getByRole('region', { name: 'Question' }).locator('strong').innerText()).toBe('please');

  await column(page, MODELS[1]!).getByRole('button', { name: 'Best answer' }).click();
  await column(page, MODELS[1]!).getByRole('button', { name: 'Your choice' }).waitFor();
  await page.goto(bed.url);
  await page.getByRole('link', { name: 'Tell slowly' }).click();
  await column(page, MODELS[1]!).getByRole('button', { name: 'Your choice' }).waitFor();
  await page.context().close();
});

test('the front page is loaded by less than 100 kB, all of it from here', async () => {
  const context = await bed.browser.newContext();
  const page = await context.newPage();
  const loaded: Promise<{ url: string; bytes: number }>[] = [];
  page.on('requestfinished', (request) => {
    loaded.push(request.sizes().then(({ responseBodySize }) => ({ url: request.url(), bytes: responseBodySize })));
  });
  await page.goto(bed.url, { waitUntil: 'networkidle' });
  const all = await Promise.all(loaded);
  expect(all.every(({ url }) => url.startsWith(bed.url))).toBe(true);
  const bytes = all.reduce((sum, one) => sum + one.bytes, 0);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(100_000);
  await context.close();
});

test('a worker that is killed and a gateway that is restarted meanwhile cost no word, and double none', async () => {
  const page = await bed.open('/');
  await compare(page, 'Go on slowly, whatever happens');
  await until(async () => ((await wordsOf(page, MODELS[0]!)) > 10 ? true : undefined));
  await bed.kill();
  const startGateway = await bed.endGateway();
  await page.getByText('The server does not answer').waitFor();
  await Promise.all([bed.start(), startGateway()]);
  for (const model of MODELS) {
    await finished(page, model);
    expect(await said(page, model)).toBe(whole(model.slice(5), 120));
  }
  expect(await page.getByText('The server does not answer').count()).toBe(0);
  await page.context().close();
});

test('one column is stopped, its request within a second; asked again, the others stay as they were', async () => {
  const page = await bed.open('/');
  await compare(page, 'An endless one');
  await until(async () => ((await wordsOf(page, MODELS[1]!)) > 10 ? true : undefined));
  const before = bed.brokenOff.length;
  const pressed = Date.now();
  await column(page, MODELS[1]!).getByRole('button', { name: 'Stop peer/two' }).click();
  const broken = await until(() => bed.brokenOff[before]);
  expect(broken.model).toBe('two');
  expect(broken.at - pressed).toBeLessThan(process.env.CI ? 3_000 : 1_500);
  await column(page, MODELS[1]!).getByText('Stopped here.').waitFor();
  await finished(page, MODELS[0]!);

  const old = page.url();
  await column(page, MODELS[0]!).getByRole('button', { name: 'Ask peer/one again' }).click();
  await page.waitForURL((url) => url.href !== old);
  await finished(page, MODELS[0]!);
  expect(bed.asked('one', 'An endless one')).toBe(2);
  expect(bed.asked('three', 'An endless one')).toBe(1);
  expect(await said(page, MODELS[2]!)).toBe(whole('three', 20));
  await page.getByRole('button', { name: 'Stop all' }).click();
  await page.getByText('In all').waitFor();
  await page.context().close();
});

test('an answer of hostile Markdown runs nothing, fetches nothing and leads nowhere', async () => {
  const page = await bed.open('/');
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await compare(page, 'Be hostile', MODELS.slice(0, 2));
  await finished(page, MODELS[0]!);
  const body = column(page, MODELS[0]!).locator('.markdown');
  for (const link of await body.getByRole('link').all()) {
    expect(await link.getAttribute('href')).toMatch(/^https?:|^$/);
    expect(await link.getAttribute('rel')).toContain('noopener');
    if ((await link.getAttribute('href')) === '') await link.dispatchEvent('click');
  }
  expect(await body.locator('img, script, iframe, svg:not(.icon), [onclick], [onerror]').count()).toBe(0);
  expect(await page.evaluate(() => (globalThis as { hacked?: number }).hacked)).toBeUndefined();
  expect(await body.innerText()).toContain('<script>window.hacked = 1</script>');
  expect(asked.filter((url) => !url.startsWith(bed.url) && !url.startsWith('data:'))).toEqual([]);
  expect(bed.errors).toEqual([]);
  await page.context().close();
});

test('a chat streams, goes on after a reload, and is stopped message by message', async () => {
  const page = await bed.open('/chat');
  const message = page.getByRole('textbox', { name: 'Message' });
  await message.fill('Talk slowly of rivers');
  await message.press('Enter');
  await page.waitForURL('**/chat/**');
  const text = page.locator('.words .markdown');
  await until(async () =>
    (await text.count()) > 0 && (await text.innerText()).split(/\s+/).length > 5 ? true : undefined,
  );
  await page.reload();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Stopped here.').waitFor();
  await message.fill('And now quickly');
  await message.press('Enter');
  await page.getByText('finished').waitFor();
  expect(await text.last().innerText()).toMatch(/1 .*20$/);
  await page.context().close();
});

test('a tool is seen with what it was given and gave; what the run asks a person is answered in place', async () => {
  const page = await bed.open('/chat');
  const message = page.getByRole('textbox', { name: 'Message' });
  for (const tool of ['calculator', 'ask person']) await page.getByRole('button', { name: tool }).click();
  await message.fill('Please calculate');
  await message.press('Enter');
  await page.waitForURL('**/chat/**');
  await page.locator('.tool-use', { hasText: 'done' }).locator('summary').click();
  expect(await page.locator('.tool-use').innerText()).toMatch(/"expression": "6 \* 7"[\s\S]*42/);
  await page.getByText('finished').waitFor();

  await message.fill('Ask a person now');
  await message.press('Enter');
  await page.getByRole('textbox', { name: 'Your answer' }).fill('The blue one');
  await page.getByRole('button', { name: 'Answer' }).click();
  await page.getByText('Which one?: The blue one').waitFor();
  await page.locator('.turn').nth(1).getByText('finished').waitFor();
  await page.reload();
  await page.locator('.turn').nth(1).getByText('finished').waitFor();
  await page.context().close();
});

test('a key is asked for where one is needed, and the keyboard reaches everything', async () => {
  const gateway = await bed.serve({ apiKeys: ['a-key-of-ours'] });
  const page = await bed.open(gateway.url);
  const key = page.getByLabel('API key');
  await key.waitFor();
  // Without a click in between, a browser lets no page keep its dialog open.
  for (let n = 0; n < 3; n++) await page.keyboard.press('Escape');
  await page.locator('dialog:modal', { has: key }).waitFor();
  await key.fill('sk-cut…');
  await key.press('Enter');
  await page.getByText('This is no API key').waitFor();
  expect(await page.evaluate('sessionStorage.length + localStorage.length')).toBe(0);
  await page.evaluate("sessionStorage.setItem('cadenza.key', 'sk-kept…')");
  await page.reload();
  await key.fill('wrong');
  await key.press('Enter');
  await page.getByText('This key is not known here').waitFor();
  await key.fill('a-key-of-ours');
  await key.press('Enter');
  await page.locator('.recent').waitFor();
  await page.reload();
  await page.locator('.recent').waitFor();
  await page.locator('main').focus();
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor({ state: 'detached' });
  for (let n = 0; n < 2; n++) {
    await page.evaluate('document.querySelector(\'[aria-label="Keyboard shortcuts"]\').click()');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor({ state: 'detached' });
  }
  await until(async () => {
    await page.keyboard.press('g');
    await page.keyboard.press('t');
    return page.url().endsWith('/chat') || undefined;
  });
  await page.context().close();
  await gateway.close();
});

test.each(['light', 'dark'] as const)('axe finds nothing serious on Compare and Chat (%s)', async (colorScheme) => {
  const { runs: compared } = await bed.cadenza.list({ pattern: 'compare' });
  const { runs: chats } = await bed.cadenza.list({ pattern: 'agent' });
  const page = await bed.open('/', { colorScheme, bypassCSP: true, reducedMotion: 'reduce' });
  for (const path of ['/', `/compare/${compared.at(-1)!.id}`, '/chat', `/chat/${chats.at(-1)!.id}`]) {
    await page.goto(bed.url + path);
    await page.locator('.recent a, .facts dd').first().waitFor();
    await page.evaluate(AXE);
    const found = await page.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } };
      return (await axe.run()).violations;
    });
    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => [path, id, nodes.map(({ html }) => html)])).toEqual([]);
  }
  await page.context().close();
});

interface Violation {
  id: string;
  impact: string;
  nodes: { html: string }[];
}
