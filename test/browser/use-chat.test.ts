import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { type FrontDoor, frontDoor } from '../setup/front-door.ts';
import { until } from '../setup/until.ts';
import { openBrowser } from './open-browser.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const WORDS = Array.from({ length: 40 }, (_, n) => `word${n} `);
const WHOLE = WORDS.join('').trim();

let door: FrontDoor;
let browser: Browser;
let site: Awaited<ReturnType<typeof serveApp>>;
let hungUpAt = Promise.withResolvers<number>();

beforeAll(async () => {
  door = await frontDoor((prompt) => {
    const answered = /^\{|booked|sunny|ToolDenied/.test(prompt);
    if (answered) return { words: [`so it is: ${prompt}`] };
    if (prompt.includes('slowly')) return { words: WORDS, paceMs: 60, onHangUp: () => hungUpAt.resolve(Date.now()) };
    if (prompt.includes('for ever'))
      return { words: ['on ', 'and ', 'on.'], end: 'hang', onHangUp: () => hungUpAt.resolve(Date.now()) };
    if (prompt.includes('hotel')) {
      return {
        toolCalls: [
          { id: 'call_w', name: 'weather', arguments: { city: 'Rome' } },
          { id: 'call_b', name: 'book', arguments: { city: 'Rome' } },
        ],
      };
    }
    if (prompt.includes('where')) return { toolCalls: [{ id: 'call_c', name: 'where_am_i', arguments: {} }] };
    return prompt.includes('refused')
      ? { status: 400, error: 'not of this kind' }
      : { words: [`answer to: ${prompt}`] };
  });
  site = await serveApp(door.url);
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await site.close();
  await door.close();
});
beforeEach(() => {
  hungUpAt = Promise.withResolvers();
});

async function open(search: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${site.url}/?${search}`);
  return page;
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message').fill(text);
  await page.getByRole('button', { name: 'Send' }).click();
}

const answerOf = (page: Page) => page.locator('article[data-role=assistant]').last().locator('p.text').last();

test('a page that is reloaded in mid-stream goes on with the answer: it ends whole, and nothing is doubled', async () => {
  const page = await open('chat=reloaded');
  await say(page, 'Count slowly');
  await page.getByText('word5 ').waitFor();
  await page.reload();
  await page.getByText('word12 ').waitFor();
  // The gateway's connections break, and the page reads on where it was.
  site.hangUp();
  await page.getByText('word39').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await answerOf(page).innerText()).toBe(WHOLE);
  expect(await page.locator('article').count()).toBe(2);
  expect(door.peer.askedWith('Count slowly')).toHaveLength(1);
  await say(page, 'And then?');
  await page.getByText('answer to: And then?').waitFor();
  const [, second] = door.peer.askedWith('Count slowly');
  expect(second.messages.map(({ role }: { role: string }) => role)).toEqual(['user', 'assistant', 'user']);
  await page.close();
});

test('stop reaches the run: the connection to the provider is closed within a second, and what was said stays', async () => {
  const page = await open('chat=stopped');
  await say(page, 'Talk for ever');
  await page.getByText('on and on').waitFor();
  const toldAt = Date.now();
  await page.getByRole('button', { name: 'Stop' }).click();
  expect((await hungUpAt.promise) - toldAt).toBeLessThan(1_000);
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await answerOf(page).innerText()).toBe('on and on.');
  await page.close();
});

test('a tool waits for the click that allows it, also over a reload, while the other tool is at work', async () => {
  const page = await open('chat=approved&agent=clerk');
  await say(page, 'A hotel, please');
  await page.getByRole('button', { name: 'Approve' }).waitFor();
  await page.getByText('sunny in Rome').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  await page.reload();
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.getByText('so it is: booked in Rome').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await page.locator('section.tool').count()).toBe(2);
  expect(await page.locator('section.tool[data-state=output-available]').count()).toBe(2);
  expect(door.weathers).toEqual(['Rome']);
  await page.close();
});

test.each([
  ['its run', /\/runs\/[^/]+$/],
  ['its events', /\/events$/],
])('what is clicked while a page that was loaded anew still waits for %s reaches the run', async (_, path) => {
  const page = await open(`chat=early-${path.source.length}&agent=clerk`);
  await say(page, 'A hotel, please');
  await page.getByText('sunny in Rome').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  const held = site.hold(path);
  await page.reload();
  await held.began;
  await page.getByRole('button', { name: 'Approve' }).click();
  await page.locator('section.tool[data-state=approval-responded]').waitFor();
  held.release();
  await page.getByText('so it is: booked in Rome').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await page.locator('section.tool[data-state=output-available]').count()).toBe(2);
  await page.close();
});

test('a tool that is not allowed is told so to the model', async () => {
  const page = await open('chat=denied&agent=clerk');
  await say(page, 'A hotel, please');
  await page.getByRole('button', { name: 'Deny' }).click();
  await page.getByText('so it is: ToolDenied').waitFor();
  expect(await page.locator('section.tool[data-state=output-denied]').count()).toBe(1);
  await page.close();
});

test('the page does the work of a tool of its own', async () => {
  const page = await open('chat=client-side');
  await say(page, 'where am I?');
  await page.getByText('so it is:').waitFor();
  expect(await answerOf(page).innerText()).toContain('Bern');
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await page.locator('section.tool').count()).toBe(1);
  await page.close();
});

test('what went wrong is shown', async () => {
  const page = await open('chat=failed');
  await say(page, 'To be refused');
  await page.getByText('not of this kind').waitFor();
  expect(await page.locator('#status').innerText()).toBe('error');
  await page.close();
});

test('a conversation remembers by itself what was said', async () => {
  const page = await open('chat=talk&mode=conversation');
  await say(page, 'First slowly');
  await page.getByText('word5 ').waitFor();
  await page.reload();
  await page.getByText('word39').waitFor();
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  expect(await answerOf(page).innerText()).toBe(WHOLE);
  await say(page, 'And second');
  await page.getByText('answer to: And second').waitFor();
  expect(await page.locator('article').count()).toBe(4);
  const sent = await until(() => door.peer.askedWith('And second').at(-1));
  expect(JSON.stringify(sent.messages)).toContain('First slowly');
  // One answer is stopped, and the conversation goes on.
  await say(page, 'Talk for ever');
  await page.getByText('on and on').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await hungUpAt.promise;
  await page.locator('#status', { hasText: 'ready' }).waitFor();
  await say(page, 'Once more');
  await page.getByText('answer to: Once more').waitFor();
  expect(JSON.stringify(door.peer.askedWith('Once more').at(-1)!.messages)).toContain('First slowly');
  await page.close();
});

/** The app as its users bundle it, on a server that passes requests on to the gateway. */
async function serveApp(gateway: string) {
  const bundled = await build({
    entryPoints: [path.join(import.meta.dirname, 'chat-app.ts')],
    alias: { 'cadenza/ai-sdk': path.join(ROOT, 'src/ai-sdk/index.ts') },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    define: { 'process.env.NODE_ENV': '"development"' },
  });
  const script = bundled.outputFiles[0]!.text;
  let held: { path: RegExp; begin: () => void; released: Promise<void> } | undefined;
  const server = createServer((incoming, response) => {
    if (!incoming.url!.startsWith('/v1/')) {
      const isScript = incoming.url === '/app.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      response.end(
        isScript ? script : '<!doctype html><div id="root"></div><script type="module" src="/app.js"></script>',
      );
      return;
    }
    const { method, headers } = incoming;
    const onward = request(new URL(incoming.url!, gateway), { method, headers }, async (answer) => {
      if (method === 'GET' && held?.path.test(incoming.url!)) {
        held.begin();
        await held.released;
      }
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    response.on('close', () => onward.destroy());
    onward.on('error', () => response.destroy());
    incoming.pipe(onward);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** keeps back what the gateway answers there */
    hold(path: RegExp) {
      const began = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      held = { path, begin: began.resolve, released: released.promise };
      return { began: began.promise, release: released.resolve };
    },
    /** breaks all connections, as a network does */
    hangUp: () => server.closeAllConnections(),
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
