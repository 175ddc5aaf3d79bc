import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Page, Route } from 'playwright-core';
import { until } from '../setup/until.ts';
import { type PageBed, pageBed, type Said } from './page-bed.ts';

function answer(_: string, question: string, isAfterTool: boolean): Said {
  if (question.includes('breaks')) return { words: [], status: 400 };
  if (question.includes('person') && !isAfterTool)
    return { words: [], tool: { name: 'ask_person', arguments: { question: 'Which one?' } } };
  if (question.includes('slowly')) return { words: ['Slow', ...Array(60).fill(' on'), ' end'], paceMs: 40 };
  return { words: [`Answer to ${question}`] };
}

let bed: PageBed;
beforeAll(async () => {
  bed = await pageBed(answer);
});
afterAll(async () => {
  await bed.close();
});

const messageOf = (page: Page) => page.getByRole('textbox', { name: 'Message' });
const turn = (page: Page, nth: number) => page.locator('.turn').nth(nth);

async function say(page: Page, text: string): Promise<void> {
  await messageOf(page).fill(text);
  await messageOf(page).press('Enter');
}

/** Begins a chat with an agent, as a person would. @returns the id of its run */
async function beginWithAgent(page: Page, text: string): Promise<string> {
  for (const tool of ['calculator', 'ask person']) await page.getByRole('button', { name: tool }).click();
  await say(page, text);
  await page.waitForURL('**/chat/agent-**');
  return decodeURIComponent(new URL(page.url()).pathname.slice('/chat/'.length));
}

async function answered(page: Page, question: string): Promise<void> {
  await page.locator('.words').getByText(`Answer to ${question}`, { exact: true }).waitFor();
}

/** What a model was given with a message. */
function givenWith(text: string): { role: string; content: string }[] {
  const sent = bed.peer.sent.findLast(({ body }) => body?.messages?.at(-1)?.content === text);
  return sent!.body.messages.map(({ role, content }: { role: string; content: string }) => ({ role, content }));
}

test('a message is asked though another tab has gone on with the chat meanwhile', async () => {
  const page = await bed.open('/chat');
  const id = await beginWithAgent(page, 'First');
  await answered(page, 'First');
  await bed.cadenza.result(id);
  const other = await page.context().newPage();
  await other.goto(page.url());
  await answered(other, 'First');

  // Both have found the same run to be the newest.
  const held = Promise.withResolvers<void>();
  await other.route('**/v1/runs', async (route) => {
    await held.promise;
    await route.continue();
  });
  const asks = other.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/v1/runs'));
  await say(other, 'From the other tab');
  await asks;
  await say(page, 'From this tab');
  await answered(page, 'From this tab');
  held.resolve();
  await answered(other, 'From the other tab');
  const questions = givenWith('From the other tab').filter(({ role }) => role === 'user');
  expect(questions.map(({ content }) => content)).toEqual(['First', 'From this tab', 'From the other tab']);
  await page.context().close();
});

test('an answer of an agent that failed is one answer: the chat goes on', async () => {
  const page = await bed.open('/chat');
  await beginWithAgent(page, 'This one breaks');
  await turn(page, 0).getByText('The model is busy').waitFor();
  await say(page, 'And this one?');
  await answered(page, 'And this one?');
  expect(givenWith('And this one?')).toEqual([
    { role: 'user', content: 'This one breaks' },
    { role: 'assistant', content: '…' },
    { role: 'user', content: 'And this one?' },
  ]);
  await page.context().close();
});

test('what an agent was told while it spoke is shown where it was read, and goes on with the chat', async () => {
  const page = await bed.open('/chat');
  await beginWithAgent(page, 'Speak slowly');
  await page.locator('.words').getByText('Slow on').waitFor();
  await say(page, 'Shorter, please');
  await turn(page, 1).getByText('Shorter, please').waitFor();
  await turn(page, 0).getByText('Answer to Shorter, please').waitFor();
  expect(await page.getByText('Shorter, please', { exact: true }).count()).toBe(1);
  await say(page, 'And then?');
  await answered(page, 'And then?');
  expect(givenWith('And then?')).toEqual([
    { role: 'user', content: 'Speak slowly' },
    { role: 'assistant', content: expect.stringMatching(/^Slow on.* end$/) },
    { role: 'user', content: 'Shorter, please' },
    { role: 'assistant', content: 'Answer to Shorter, please' },
    { role: 'user', content: 'And then?' },
  ]);
  await page.context().close();
});

test('an operator who replies in a tenant’s chat goes on with it as the tenant’s', async () => {
  const operator = 'the-key-of-the-operator';
  const gateway = await bed.serve({ apiKeys: [operator] });
  const { secret } = await bed.cadenza.keys.create({ name: 'chat', tenant: 'acme' });
  const acme = bed.cadenza.as({ role: 'caller', tenant: 'acme' });
  const { id, result } = await acme.start('agent', { task: 'Of acme alone', tools: ['calculator'] });
  await result();
  const reply = async (key: string, path: string, text: string) => {
    const page = await bed.open(gateway.url + path);
    await page.getByLabel('API key').fill(key);
    await page.getByLabel('API key').press('Enter');
    await answered(page, 'Of acme alone');
    await say(page, text);
    await answered(page, text);
    await page.context().close();
  };
  await reply(operator, `/chat/${id}`, 'From the operator');
  // A tenant may leave its own name out.
  await reply(secret, `/chat/${id.slice('acme:'.length)}`, 'From the tenant');
  for (const run of [`${id}.2`, `${id}.3`]) expect(await acme.show(run)).toMatchObject({ id: run, tenant: 'acme' });
  expect(givenWith('From the tenant').map(({ content }) => content)).toContain('From the operator');
  await gateway.close();
});

test('what was typed while a message could not be sent stands after it', async () => {
  const page = await bed.open('/chat');
  await say(page, 'Hello');
  await answered(page, 'Hello');
  const held = Promise.withResolvers<Route>();
  await page.route('**/messages?*', (route) => held.resolve(route));
  await say(page, 'First');
  const route = await held.promise;
  await messageOf(page).fill('Second, typed meanwhile');
  await route.abort();
  await page.getByText('The server cannot be reached').waitFor();
  expect(await messageOf(page).inputValue()).toBe('First\n\nSecond, typed meanwhile');
  await page.context().close();
});

test('a reply in an old chat waits until that was read', async () => {
  const run = await bed.cadenza.start('agent', { task: 'Long ago', tools: ['calculator'] });
  await run.result();
  const page = await bed.open('/chat');
  const held = Promise.withResolvers<void>();
  await page.route('**/events?*', async (route) => {
    await held.promise;
    await route.continue();
  });
  await page.goto(`${bed.url}/chat/${run.id}`);
  const told = page.waitForResponse((response) => response.url().endsWith('/messages'));
  await say(page, 'And now');
  expect((await told).status()).toBe(409);
  held.resolve();
  await answered(page, 'And now');
  expect(givenWith('And now').map(({ content }) => content)).toEqual(['Long ago', 'Answer to Long ago', 'And now']);
  await page.context().close();
});

test('a fresh chat with an agent is called what was asked', async () => {
  const page = await bed.open('/chat');
  await beginWithAgent(page, 'Why do rivers bend?');
  await answered(page, 'Why do rivers bend?');
  expect(await page.getByRole('heading', { level: 1 }).innerText()).toBe('Why do rivers bend?');
  expect(await page.title()).toBe('Why do rivers bend? · Cadenza');
  await page.context().close();
});

test('what was asked of a person is not asked any more once the agent was stopped', async () => {
  const page = await bed.open('/chat');
  await beginWithAgent(page, 'Ask a person');
  await page.getByRole('textbox', { name: 'Your answer' }).waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Which one?: It ended before anybody answered').waitFor();
  expect(await page.getByRole('textbox', { name: 'Your answer' }).count()).toBe(0);
  await page.locator('.tool-use', { hasText: 'was left when it ended' }).waitFor();
  await say(page, 'Go on');
  await answered(page, 'Go on');
  await page.context().close();
});

test('a conversation that nobody looks at lets go of its connection, and goes on where it was once it is seen', async () => {
  const page = await bed.open('/chat');
  await say(page, 'Hello there');
  await answered(page, 'Hello there');
  const id = decodeURIComponent(new URL(page.url()).pathname.slice('/chat/'.length));
  const isStream = (request: { url(): string }) => request.url().includes('/events?after=');
  const letGo = page.waitForEvent('requestfailed', isStream);
  await look(page, false);
  await letGo;
  await bed.cadenza.send(id, 'From elsewhere');
  expect(await page.getByText('Answer to From elsewhere').count()).toBe(0);
  const again = page.waitForRequest(isStream);
  await look(page, true);
  expect((await again).url()).not.toMatch(/after=0$/);
  await answered(page, 'From elsewhere');
  expect(await page.getByText('Answer to Hello there').count()).toBe(1);
  await page.context().close();
});

/** Brings the tab before somebody's eyes, or puts it behind another. */
async function look(page: Page, isSeen: boolean): Promise<void> {
  await page.evaluate((hidden) => {
    const { document, Event } = globalThis as unknown as { document: EventTarget; Event: new (type: string) => never };
    Object.defineProperty(document, 'hidden', { configurable: true, value: hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, !isSeen);
}

test('a chat of more turns than one page of the list holds goes on after its last', async () => {
  const run = await bed.cadenza.start('agent', { task: 'Very long', tools: ['calculator'] });
  await run.result();
  const page = await bed.open('/chat');
  // Two pages of one run each stand for those of two hundred.
  await page.route('**/v1/runs?pattern=agent&limit=200*', async (route) => {
    await route.continue({ url: route.request().url().replace('limit=200', 'limit=1') });
  });
  for (const n of [2, 3]) {
    const input = { messages: [{ role: 'user' as const, content: `Turn ${n}` }], tools: ['calculator'] };
    await (await bed.cadenza.start('agent', input, { id: `${run.id}.${n}`, metadata: { chat: run.id } })).result();
  }
  await page.goto(`${bed.url}/chat/${run.id}`);
  await answered(page, 'Turn 3');
  await answered(page, 'Turn 2');
  await say(page, 'Turn 4');
  await answered(page, 'Turn 4');
  await until(async () => (await bed.cadenza.list({ text: `${run.id}.4` })).runs[0]);
  await page.context().close();
});
