import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { connect } from '../../src/client/index.ts';
import { chainBegunHere, type NewEvent, RUN_DIRECT } from '../../src/contract/index.ts';
import { temporalLink } from '../../src/gateway/links.ts';
import { orNothing } from '../../src/runtime/describe-run.ts';
import { openStore, type Store } from '../../src/store/index.ts';
import { type RunningWorker, startWorker } from '../../src/workers/index.ts';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { testLog } from '../setup/test-log.ts';
import { until, untilEvent } from '../setup/until.ts';

const MODEL = 'house/m';
const OTHER = 'house/n';
const direct = { lane: 'direct' } as const;
const policy = { candidates: [MODEL], cache: false as const };

/** ms since 1970 */
const askedInOutage: number[] = [];
/** prompts whose answers nobody waits for any more */
const hungUp: string[] = [];
let peer: ChatPeer;
let bed: TestBed;
let store: Store;
beforeAll(async () => {
  peer = await chatPeer((prompt, nth, { model }) => {
    if (prompt.includes('outage')) askedInOutage.push(Date.now());
    if (prompt.includes('outage') && nth === 1) return { status: 429, retryAfter: '6', error: 'slow down' };
    if (prompt.includes('blip') && nth === 1) return { status: 503, error: 'for a moment' };
    if (prompt.includes('never')) return { status: 401, error: 'no such key' };
    if (prompt.includes('unhurried')) return { words: Array.from({ length: 20 }, (_, n) => `w${n} `), paceMs: 90 };
    if (prompt.includes('longer')) return { words: Array.from({ length: 100 }, (_, n) => `w${n} `), paceMs: 90 };
    if (prompt.includes('slowly')) return { words: Array.from({ length: 200 }, (_, n) => `w${n} `), paceMs: 50 };
    if (prompt === 'first overtaken') return { words: ['late ', 'words'], paceMs: 700 };
    if (prompt.includes('endless')) return { words: ['w '], end: 'hang', onHangUp: () => hungUp.push(prompt) };
    return { words: [`${model} `, 'says: ', prompt] };
  });
  bed = await testBed({ config: { providers: { house: peer.provider } } });
  store = await openStore({ url: bed.databaseUrl });
});
afterAll(async () => {
  await store.close();
  await bed.close();
  await peer.stop();
});

const three = (about: string) => ({
  policy,
  steps: [
    { id: 'one', prompt: `first ${about}` },
    { id: 'two', prompt: `second after {{steps.one.text}}` },
    { id: 'three', prompt: `third after {{steps.two.text}}` },
  ],
});

/** Another worker, whose client begins runs at once: Temporal has taken one in this lane from it. */
async function workerOn(taskQueue: string, own: NodeJS.ProcessEnv = {}): Promise<RunningWorker> {
  const { config, databaseUrl } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const settings = { temporalAddress, namespace: 'default', databaseUrl, config, log: testLog().log, taskQueue };
  const worker = await startWorker({ ...settings, env: { ...bed.env, ...own } });
  await (await worker.client.start('ask', { prompt: 'first of all', policy }, direct)).result();
  return worker;
}

async function hasWorkflow(id: string): Promise<boolean> {
  return (await orNothing(bed.temporal.workflow.getHandle(id).describe())) !== undefined;
}

test('a chain in the direct lane is one activity, and read like any other run', async () => {
  const run = await bed.client.start('chain', three('thing'), direct);
  const workflow = await bed.client.start('chain', three('other'));
  const [result, expected] = await Promise.all([run.result(), workflow.result()]);
  expect(Object.keys(result.steps)).toEqual(Object.keys(expected.steps));
  expect(result.output).toBe('m says: third after m says: second after m says: first thing');

  const types = async (id: string) =>
    (await bed.eventsOf(id)).map(({ type }) => type).filter((type, n, all) => type !== all[n - 1]);
  expect(await types(run.id)).toEqual(await types(workflow.id));
  const events = await bed.eventsOf(run.id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect((await bed.client.bill(run.id)).calls.map(({ step }) => step)).toEqual(['one', 'two', 'three']);
  expect((await bed.client.timeline(run.id)).steps.map(({ step }) => step)).toEqual(['one', 'two', 'three']);
  const { activityRunId } = run;
  expect(await bed.client.show(run.id)).toMatchObject({ status: 'completed', pattern: 'chain', activityRunId });
  expect(temporalLink(run, 'http://ui', 'default')).toBe(
    `http://ui/namespaces/default/activities/${run.id}/${activityRunId}`,
  );
  expect(await bed.client.result(run.id)).toEqual(result);
  expect(await bed.client.outcome(run.id, 20)).toEqual({ status: 'completed', result });

  expect(await hasWorkflow(run.id)).toBe(false);
  expect(await bed.temporal.activity.getHandle(run.id).describe()).toMatchObject({
    activityType: 'runDirect',
    status: 'COMPLETED',
    attempt: 1,
  });
});

test('several models at once: one that fails is an answer too', async () => {
  const models = [MODEL, OTHER];
  const run = await bed.client.start('compare', { prompt: 'side by side', models }, direct);
  const { answers } = await run.result();
  expect(answers.map((answer) => 'text' in answer && answer.text)).toEqual([
    'm says: side by side',
    'n says: side by side',
  ]);
  // It began before its activity had a name: the list of activities has it.
  const link = temporalLink(await bed.client.show(run.id), 'http://ui', 'default');
  expect(link).toBe(`http://ui/namespaces/default/activities?query=ActivityId%3D%22${run.id}%22`);
});

test('an id is used once, in whichever lane', async () => {
  const first = await bed.client.start('ask', { prompt: 'once', policy }, { ...direct, id: 'used-once' });
  await first.result();
  const again = await bed.client.start('ask', { prompt: 'twice', policy }, { ...direct, id: 'used-once' });
  const asWorkflow = await bed.client.start('ask', { prompt: 'twice', policy }, { id: 'used-once' });
  expect([first, again, asWorkflow].map(({ isNew }) => isNew)).toEqual([true, false, false]);
  expect(await asWorkflow.result()).toEqual(await first.result());
  expect(peer.askedWith('twice')).toHaveLength(0);
});

test('an id asked for in both lanes at once is one run, of whichever came first', async () => {
  const input = (id: string) => ({ prompt: `in both lanes ${id}`, policy });
  const ids = Array.from({ length: 6 }, (_, n) => `both-lanes-${n}`);
  const started = await Promise.all(
    ids.map((id, n) => {
      const lanes = n % 2 === 0 ? [{}, direct] : [direct, {}];
      return Promise.all(lanes.map((lane) => bed.client.start('ask', input(id), { ...lane, idempotencyKey: id })));
    }),
  );
  for (const runs of started) {
    expect(runs.filter(({ isNew }) => isNew)).toHaveLength(1);
    const [one, other] = await Promise.all(runs.map((run) => run.result()));
    expect(other).toEqual(one);
  }
  expect(ids.map((id) => peer.askedWith(input(id).prompt).length)).toEqual(ids.map(() => 1));
});

test('an id that no worker has seen yet is used once, in whichever lane and by whatever starts runs', async () => {
  const ended = await bed.client.start('ask', { prompt: 'to be forked', policy });
  await ended.result();
  const { config, databaseUrl, env } = bed;
  const temporalAddress = process.env.CADENZA_TEST_TEMPORAL_ADDRESS!;
  const unserved = await connect({ temporalAddress, databaseUrl, env, config, taskQueue: `nobody-${bed.taskQueue}` });
  const isNew = async (id: string, lane?: 'direct') =>
    (await unserved.start('ask', { prompt: 'by nobody', policy }, { lane, id })).isNew;
  try {
    expect([await isNew('unseen-1'), await isNew('unseen-1', 'direct')]).toEqual([true, false]);
    expect([await isNew('unseen-2', 'direct'), await isNew('unseen-2')]).toEqual([true, false]);

    const rows = { pattern: 'ask' as const, items: [{ x: 1 }], input: { prompt: 'row {{item.x}}', policy } };
    const map = async (id: string) => (await unserved.start('map', rows, { id })).isNew;
    const talk = async (id: string) => (await unserved.start('conversation', { policy }, { id })).isNew;
    const fork = async (id?: string) => unserved.fork(ended.id, { fromStep: 'ask', id });
    for (const other of [map, talk, fork]) await expect(other('unseen-2')).rejects.toMatchObject({ code: 'Conflict' });
    expect(await map('unseen-3')).toBe(true);
    await expect(isNew('unseen-3', 'direct')).rejects.toMatchObject({ code: 'Conflict' });

    expect(await isNew(`${ended.id}-fork-1`, 'direct')).toBe(true);
    expect(await fork()).toMatchObject({ id: `${ended.id}-fork-2`, isNew: true });
    expect(await isNew(`${ended.id}-fork-2`, 'direct')).toBe(false);
  } finally {
    await unserved.close();
  }
});

test('a run whose id is given begins at once too, and once, however often it is started together', async () => {
  const start = () => bed.client.start('chain', three('given'), { ...direct, id: 'given' });
  const runs = await Promise.all([start(), start(), start()]);
  expect(runs.filter(({ isNew }) => isNew)).toHaveLength(1);
  const [first, ...others] = await Promise.all(runs.map((run) => run.result()));
  expect(others).toEqual([first, first]);
  expect(peer.askedWith('first given')).toHaveLength(3);
  expect(await store.runs.find('given')).toMatchObject({
    chain: expect.stringMatching(/^direct:@/),
    status: 'completed',
  });
});

test('one that ends soon is told to Temporal by its end, and no worker is asked for it', async () => {
  const run = await bed.client.start('ask', { prompt: 'soon', policy }, direct);
  const result = await run.result();
  const activity = bed.temporal.activity.getHandle(run.id);
  expect(await activity.result()).toEqual(result);
  const { status, closeTime, executionTime } = await activity.describe();
  expect(status).toBe('COMPLETED');
  // when it would have come to one
  expect(executionTime!.getTime()).toBeGreaterThan(closeTime!.getTime());
});

test('one that takes longer comes to a worker, which waits for it', async () => {
  const run = await bed.client.start('ask', { prompt: 'longer', policy }, direct);
  expect((await run.result()).text).toMatch(/^w0 w1 .* w99 $/);
  expect(peer.askedWith('longer')).toHaveLength(1);
  const activity = bed.temporal.activity.getHandle(run.id);
  expect(await activity.result()).toEqual(await run.result());
  const { status, attempt, closeTime, executionTime } = await activity.describe();
  expect({ status, attempt }).toEqual({ status: 'COMPLETED', attempt: 1 });
  expect(executionTime!.getTime()).toBeLessThan(closeTime!.getTime());
});

test('what a process began and could not tell Temporal goes on when it is started again', async () => {
  const begun = async (id: string, startedAt: number, ...ends: NewEvent[]) => {
    const chain = chainBegunHere('nobody', startedAt);
    const events = ends.map((event) => ({ ...event, key: 'end' }));
    await store.events.record({ id, chain, pattern: 'ask', startedAt: new Date(startedAt).toISOString() }, events);
    return chain;
  };
  const now = Date.now();
  const lost = {
    'lost with its process': await begun('lost-with-its-process', now),
    'not taken by Temporal': await begun('not-taken-by-Temporal', now - 1, { type: 'run.cancelled' }),
  };
  for (const [prompt, chain] of Object.entries(lost)) {
    const id = prompt.replaceAll(' ', '-');
    const run = await bed.client.start('ask', { prompt, policy }, { ...direct, id });
    expect((await run.result()).text).toBe(`m says: ${prompt}`);
    expect(await store.runs.find(id)).toMatchObject({ chain, status: 'completed' });
  }
  // What Temporal may have forgotten is not done again.
  await begun('long-ago', now - 7_200_000, { type: 'run.completed', costUsd: 0 });
  const again = await bed.client.start('ask', { prompt: 'long ago', policy }, { ...direct, id: 'long-ago' });
  expect(again.isNew).toBe(false);
  expect(peer.askedWith('long ago')).toHaveLength(0);
  const forgotten = expect.stringContaining('no longer');
  await expect(again.result()).rejects.toMatchObject({ code: 'NotFound', message: forgotten });
  // Nobody started it again.
  const error = { type: 'ConnectionLost', message: 'The process that began this run was lost with it' } as const;
  await begun('lost-for-good', now - 7_200_001, { type: 'run.failed', error });
  expect(await bed.client.outcome('lost-for-good')).toEqual({ status: 'failed', error });
});

test('a blip is waited out in the activity', async () => {
  const run = await bed.client.start('ask', { prompt: 'blip', policy }, direct);
  expect((await run.result()).text).toBe('m says: blip');
  expect((await bed.eventsOf(run.id)).filter(({ type }) => type === 'call.retrying')).toHaveLength(1);
  expect(await hasWorkflow(run.id)).toBe(false);
});

test('a long wait is handed over to a workflow, which asks nothing again that is finished', async () => {
  const steps = [
    { id: 'before', prompt: 'finished in the activity' },
    { id: 'late', prompt: 'outage' },
    { id: 'after', prompt: 'in the workflow, after {{steps.before.text}}' },
  ];
  const patient = { ...policy, patience: '2 minutes', maxRetryAfter: '1 s' };
  const run = await bed.client.start('chain', { policy: patient, steps }, direct);
  // Whoever asks by the id alone, before it is handed over, hears the same.
  const asked = bed.client.result(run.id);
  expect((await run.result()).output).toBe('m says: in the workflow, after m says: finished in the activity');
  expect(await hasWorkflow(run.id)).toBe(true);
  expect(peer.askedWith('finished in the activity')).toHaveLength(2);
  expect(await asked).toEqual(await run.result());
  expect(await bed.client.result(run.id)).toEqual(await run.result());

  // The provider said when.
  expect(askedInOutage[1]! - askedInOutage[0]!).toBeGreaterThanOrEqual(6_000);
  const events = await bed.eventsOf(run.id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ type }) => type === 'run.started' || type === 'run.completed')).toHaveLength(2);
  expect((await bed.client.bill(run.id)).calls.map(({ step }) => step)).toEqual(['before', 'late', 'after']);
  expect((await bed.client.list({ pattern: 'chain' })).runs.filter(({ id }) => id === run.id)).toHaveLength(1);
});

test('a step that is a run of its own is done by a workflow', async () => {
  const steps = [
    { id: 'here', prompt: 'before the run below' },
    { id: 'below', pattern: 'ask' as const, input: { prompt: 'below', policy } },
  ];
  const run = await bed.client.start('chain', { policy, steps }, direct);
  await run.result();
  expect(await hasWorkflow(run.id)).toBe(true);
  expect(peer.askedWith('before the run below')).toHaveLength(1);
});

test('cancelled, it ends so, and what had streamed is on its bill', async () => {
  const run = await bed.client.start('ask', { prompt: 'slowly', policy }, direct);
  await untilEvent(bed.client, run.id, 'call.delta');
  expect(await bed.client.outcome(run.id)).toEqual({ status: 'running' });
  await bed.client.cancel(run.id);
  await expect(run.result()).rejects.toMatchObject({ code: 'RunCancelled' });
  expect((await bed.eventsOf(run.id)).at(-1)).toMatchObject({ type: 'run.cancelled' });
  expect(await bed.client.show(run.id)).toMatchObject({ status: 'cancelled' });
  expect((await bed.client.bill(run.id)).calls).toMatchObject([{ estimated: true }]);
});

test('one that fails says why, as a workflow would', async () => {
  const run = await bed.client.start('ask', { prompt: 'never', policy }, direct);
  await expect(run.result()).rejects.toMatchObject({
    code: 'RunFailed',
    error: { type: 'AuthenticationFailed', step: 'ask' },
  });
  expect(await bed.client.show(run.id)).toMatchObject({ status: 'failed', error: { type: 'AuthenticationFailed' } });
});

test('terminated by a person, its end is written all the same', async () => {
  const run = await bed.client.start('ask', { prompt: 'slowly, then terminated', policy }, direct);
  await untilEvent(bed.client, run.id, 'call.delta');
  const activity = bed.temporal.activity.getHandle(run.id);
  // One that reached no worker yet is ended by nobody.
  await until(async () => (await activity.describe()).runState === 'STARTED' || undefined);
  await activity.terminate('enough');
  expect((await bed.eventsOf(run.id)).at(-1)).toMatchObject({ type: 'run.failed', error: { type: 'Cancelled' } });
});

test('ended at Temporal before a worker has its activity, a run stops all the same', async () => {
  const taskQueue = `${bed.taskQueue}-full`;
  const worker = await workerOn(taskQueue, { CADENZA_SLOTS: '1' });
  const slot = bed.temporal.activity;
  await slot.start(RUN_DIRECT, {
    ...{ id: 'has-the-slot', taskQueue, args: ['ask', { prompt: 'endless', policy }] },
    ...{ startToCloseTimeout: '1 minute', heartbeatTimeout: '8 seconds' },
  });
  await untilEvent(worker.client, 'has-the-slot', 'call.delta');

  const ended = { terminated: 'failed', cancelled: 'cancelled' };
  for (const [how, status] of Object.entries(ended)) {
    const prompt = `endless, then ${how}`;
    const run = await worker.client.start('ask', { prompt, policy }, direct);
    await untilEvent(worker.client, run.id, 'call.delta');
    const activity = slot.getHandle(run.id);
    await (how === 'terminated' ? activity.terminate('enough') : activity.cancel('enough'));
    await until(() => hungUp.includes(prompt) || undefined);
    await until(async () => (await worker.client.show(run.id)).status === status || undefined);
  }
  await slot.getHandle('has-the-slot').terminate('enough');
  await worker.drain();
});

test('a worker that stops finishes the runs it began, also those that no worker was told of', async () => {
  const worker = await workerOn(`${bed.taskQueue}-stops`);
  const run = await worker.client.start('ask', { prompt: 'unhurried', policy }, direct);
  await untilEvent(worker.client, run.id, 'call.delta');
  await worker.drain();
  expect(await store.runs.find(run.id)).toMatchObject({ status: 'completed' });
  expect(peer.askedWith('unhurried')).toHaveLength(1);
  expect(await bed.temporal.activity.getHandle(run.id).result()).toMatchObject({
    text: expect.stringMatching(/w19 $/),
  });
});

test('a policy chooses the lane, where its pattern knows it', async () => {
  const run = await bed.client.start('ask', { prompt: 'by policy', policy: { ...policy, ...direct } });
  await run.result();
  expect(await hasWorkflow(run.id)).toBe(false);
  await expect(bed.client.startUnchecked('conversation', {}, direct)).rejects.toMatchObject({
    code: 'InvalidRequest',
    error: { path: 'lane', hint: expect.stringContaining('compare') },
  });
});

test('a fork of it is a workflow that has the steps before for free', async () => {
  const run = await bed.client.start('chain', three('forked'), direct);
  await run.result();
  const asked = peer.sent.length;
  const fork = await bed.client.fork(run.id, { fromStep: 'three', overrides: { prompt: 'third, otherwise' } });
  if (!('id' in fork)) throw new Error('not started');
  expect(await fork.result()).toMatchObject({ output: 'm says: third, otherwise' });
  expect(peer.sent.length - asked).toBe(1);
});

test('an answer that another worker has brought meanwhile is the run’s: what was built on the late one is not', async () => {
  const run = await bed.client.start('chain', three('overtaken'), direct);
  await untilEvent(bed.client, run.id, 'call.delta');
  const { chain } = (await store.runs.find(run.id))!;
  const open = await store.db.selectFrom('calls').selectAll().where('chain', '=', chain).executeTakeFirstOrThrow();
  const { key, step, model } = open;
  const usage = { inputTokens: 1, outputTokens: 1 };
  const reply = { text: 'their words', model, usage, costUsd: 0, finishReason: 'stop' as const };
  const theirs = { id: run.id, chain, pattern: 'chain', startedAt: new Date().toISOString() };
  await store.journal.end({ key, run: theirs, step, model, epoch: 2 }, { reply, completesStep: true });

  const { output, steps } = await run.result();
  expect(steps.one).toMatchObject({ text: 'their words' });
  expect(output).toBe('m says: third after m says: second after their words');
  expect(peer.askedWith('late words')).toHaveLength(0);
  // the second step, and the third, which quotes it
  expect(peer.askedWith('second after their words')).toHaveLength(2);
  const events = await bed.eventsOf(run.id);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  expect(events.filter(({ type }) => type === 'run.completed')).toHaveLength(1);
});
