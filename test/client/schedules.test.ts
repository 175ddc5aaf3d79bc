import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import type { Schedules } from '../../src/client/index.ts';
import { createGateway } from '../../src/gateway/index.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { until } from '../setup/until.ts';

const policy = { candidates: ['openai/gpt-6-sol'], cache: false as const };

let bed: TestBed;
let schedules: Schedules;
const made: string[] = [];
beforeAll(async () => {
  bed = await testBed();
  schedules = bed.client.schedules;
});
afterEach(async () => {
  for (const name of made.splice(0)) await schedules.delete(name).catch(() => {});
});
afterAll(() => bed.close());

/** A name no other test uses; its schedule is deleted after the test. */
function named(word: string): string {
  const name = `${word}-${randomUUID()}`;
  made.push(name);
  return name;
}

/** The newest run of a schedule, once it has started one. */
const lastRunOf = (name: string) =>
  until(async () => (await schedules.list()).find((schedule) => schedule.name === name)?.lastRun);

test('a schedule starts runs by itself, each with its events, bill and tenant', async () => {
  const name = named('every');
  const input = { prompt: `What is new, ${name}?`, policy };
  const schedule = await schedules.create({ name, pattern: 'ask', input, every: '1 s', tenant: 'acme', budgetUsd: 1 });
  expect(schedule).toMatchObject({ name, pattern: 'ask', every: '1 s', tenant: 'acme', paused: false });
  expect(Date.parse(schedule.nextAt!) - Date.now()).toBeLessThan(2_000);

  const { id } = await lastRunOf(name);
  await schedules.pause(name);
  expect(id).toMatch(new RegExp(`^${name}-\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}Z$`));
  expect(await bed.client.result(id)).toMatchObject({ text: `answer to: What is new, ${name}?` });
  const events = await bed.eventsOf(id);
  expect(events[0]).toMatchObject({ type: 'run.started', pattern: 'ask', tenant: 'acme' });
  expect(events.at(-1)!.type).toBe('run.completed');
  expect((await bed.client.bill(id)).calls).toHaveLength(1);
});

test('a schedule waits for its time, starts a run when told to, and none while it is paused', async () => {
  const name = named('yearly');
  const input = { prompt: `Happy new year, ${name}`, policy };
  const schedule = await schedules.create({
    name,
    pattern: 'ask',
    input,
    cron: '0 9 1 1 *',
    timezone: 'Asia/Tokyo',
  });
  // Nine in Tokyo is midnight in UTC.
  expect(schedule.nextAt).toMatch(/-01-01T00:00:00\.000Z$/);
  expect(schedule).toMatchObject({ cron: '0 9 1 1 *', timezone: 'Asia/Tokyo' });
  expect(bed.provider.asked(name)).toBe(0);

  await schedules.trigger(name);
  const { id } = await lastRunOf(name);
  expect(await bed.client.result(id)).toMatchObject({ text: `answer to: Happy new year, ${name}` });

  const listed = () => schedules.list().then((all) => all.find((each) => each.name === name));
  await schedules.pause(name);
  expect(await until(async () => ((await listed())?.paused ? listed() : undefined))).not.toHaveProperty('nextAt');
  await schedules.resume(name);
  await until(async () => (await listed())?.nextAt);
  await schedules.delete(name);
  await until(async () => ((await listed()) === undefined ? true : undefined));
});

test('a large input is kept out of Temporal, and reaches the run', async () => {
  const name = named('large');
  const prompt = `Sum this up: ${'the river bends again and again. '.repeat(3_000)}${name}`;
  await schedules.create({ name, pattern: 'ask', input: { prompt, policy }, cron: '@yearly' });
  await schedules.trigger(name);
  const { id } = await lastRunOf(name);
  expect(await bed.client.result(id)).toMatchObject({ text: `answer to: ${prompt}` });
});

test.each([
  ['an unknown pattern', { pattern: 'sing', cron: '@daily' }, 'pattern'],
  ['a wrong input', { input: { prompt: 1 }, cron: '@daily' }, 'input.prompt'],
  [
    'an unknown model',
    { input: { prompt: 'x', policy: { candidates: ['openai/gpt-7'] } }, every: '1h' },
    'input.policy.candidates[0]',
  ],
  ['neither cron nor every', {}, 'cron'],
  ['both cron and every', { cron: '@daily', every: '1h' }, 'cron'],
  ['a cron that is none', { cron: 'at tea time' }, 'cron'],
  ['an hour that is none', { cron: '0 25 * * *' }, 'cron'],
  ['no duration', { every: 'often' }, 'every'],
  ['less than a second', { every: 10 }, 'every'],
  ['a time zone of every', { every: '1h', timezone: 'Asia/Tokyo' }, 'timezone'],
  ['a time zone that is none', { cron: '@daily', timezone: 'Moon/Crater' }, 'cron'],
  ['a budget below zero', { cron: '@daily', budgetUsd: -1 }, 'budgetUsd'],
  ['a private webhook', { cron: '@daily', webhook: { url: 'http://10.0.0.1/' } }, 'options.webhook.url'],
])('%s is refused before anything is made', async (_, wrong, path) => {
  const name = named('wrong');
  const schedule = { name, pattern: 'ask', input: { prompt: 'x', policy }, ...wrong };
  await expect(schedules.create(schedule)).rejects.toMatchObject({ code: 'InvalidRequest', error: { path } });
  await expect(schedules.trigger(name)).rejects.toMatchObject({ code: 'NotFound' });
});

test('a name is taken once, and a schedule that is not there is said to be not there', async () => {
  const name = named('taken');
  const schedule = { name, pattern: 'ask', input: { prompt: 'x', policy }, cron: '@yearly' };
  await schedules.create(schedule);
  await expect(schedules.create(schedule)).rejects.toMatchObject({ code: 'Conflict', error: { path: 'name' } });
  for (const act of ['pause', 'resume', 'trigger', 'delete'] as const) {
    await expect(schedules[act](`none-${name}`)).rejects.toMatchObject({ code: 'NotFound' });
  }
});

test('HTTP makes, lists, pauses, resumes, triggers and deletes a schedule', async () => {
  const name = named('http');
  const { log } = testLog();
  const app = createGateway({ client: bed.client, links: { namespace: 'default' }, apiKeys: [], version: '1', log });
  const send = (method: string, path: string, body?: object) =>
    app.request(`/v1/schedules${path}`, {
      method,
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    });
  const schedule = { name, pattern: 'ask', input: { prompt: `Over HTTP, ${name}`, policy }, cron: '@yearly' };
  const created = await send('POST', '', schedule);
  expect(created.status).toBe(201);
  expect(await created.json()).toMatchObject({ name, pattern: 'ask', cron: '@yearly', paused: false });
  expect((await send('POST', '', schedule)).status).toBe(409);
  expect((await send('POST', '', { ...schedule, name: `${name}-b`, cron: undefined })).status).toBe(400);
  for (const act of ['pause', 'resume', 'trigger']) expect((await send('POST', `/${name}/${act}`)).status).toBe(202);
  await until(() => bed.provider.asked(name) || undefined);
  const { schedules: listed } = (await (await send('GET', '')).json()) as { schedules: { name: string }[] };
  expect(listed.map((each) => each.name)).toContain(name);
  expect((await send('DELETE', `/${name}`)).status).toBe(204);
  expect((await send('DELETE', `/${name}`)).status).toBe(404);
});
