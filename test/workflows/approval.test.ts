import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { openStore } from '../../src/store/index.ts';
import type { Approval, ApprovalRequest } from '../../src/workflows/index.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';
import { untilEvent } from '../setup/until.ts';

let bed: StepBed;
beforeAll(async () => {
  bed = await stepBed(await mockProvider());
});
afterAll(() => bed.close());

/** Starts a workflow that is one approval, and waits until it asks. */
async function asked(name: string, request: Partial<ApprovalRequest> = {}) {
  const id = `${name}-${bed.taskQueue}`;
  const started = await bed.temporal.workflow.start('approval', {
    workflowId: id,
    taskQueue: `${bed.taskQueue}-steps`,
    args: [{ step: 'sign-off', show: { draft: 'Hello' }, ...request }],
  });
  const result = started.result() as Promise<Approval>;
  result.catch(() => {});
  const event = await untilEvent(bed.client, id, 'approval.requested');
  return { id, result, event };
}

test('a person is asked, shown what for, and answers; who and why is kept', async () => {
  const before = Date.now();
  const { id, result, event } = await asked('yes', { patience: '3 days', approvers: ['ann', 'bob'] });
  expect(event).toMatchObject({
    step: 'sign-off',
    approval: 'sign-off',
    show: { draft: 'Hello' },
    approvers: ['ann', 'bob'],
  });
  const waitMs = Date.parse(event.expiresAt!) - before;
  expect(waitMs).toBeGreaterThan(3 * 86_400_000 - 5_000);
  expect(waitMs).toBeLessThan(3 * 86_400_000 + 30_000);

  const receipt = await bed.client.approve(id, 'sign-off', { approved: true, by: 'ann', comment: 'Fine' });
  expect(receipt).toEqual({ id, approval: 'sign-off', approved: true, taken: true });
  expect(await result).toEqual({ approved: true, by: 'ann', comment: 'Fine', at: expect.any(String), expired: false });

  const events = await bed.eventsOf(id);
  expect(events.map(({ type }) => type)).toEqual([
    'run.started',
    'step.started',
    'approval.requested',
    'approval.resolved',
    'step.completed',
    'run.completed',
  ]);
  expect(events[3]).toMatchObject({
    step: 'sign-off',
    approval: 'sign-off',
    approved: true,
    by: 'ann',
    comment: 'Fine',
  });
});

test('no is an answer, not an error', async () => {
  const { id, result } = await asked('no');
  await bed.client.approve(id, 'sign-off', { approved: false, comment: 'The date is wrong' });
  expect(await result).toMatchObject({ approved: false, comment: 'The date is wrong', expired: false });
});

test('the timeline shows what is waited for', async () => {
  const { id, result } = await asked('timer', { patience: '2 hours' });
  await bed.client.approve(id, 'sign-off', { approved: true });
  await result;
  const { events } = await bed.temporal.workflow.getHandle(id).fetchHistory();
  const timer = events!.find((event) => event.timerStartedEventAttributes)!;
  expect(defaultPayloadConverter.fromPayload(timer.userMetadata!.summary!)).toBe('sign-off · waiting for a person');
  expect(Number(timer.timerStartedEventAttributes!.startToFireTimeout!.seconds)).toBeGreaterThan(7_100);
});

test('two runs that ask the same at once are answered each for itself', async () => {
  const [one, other] = [await asked('same-one'), await asked('same-other')];
  await bed.client.approve(one.id, 'sign-off', { approved: true, by: 'ann' });
  expect(await one.result).toMatchObject({ approved: true, by: 'ann' });
  await bed.client.approve(other.id, 'sign-off', { approved: false, by: 'bob' });
  expect(await other.result).toMatchObject({ approved: false, by: 'bob' });
});

test('what is answered once cannot be answered again, by whatever way', async () => {
  const { id, result } = await asked('twice');
  await bed.client.approve(id, 'sign-off', { approved: true, by: 'ann' });
  await result;
  await expect(bed.client.approve(id, 'sign-off', { approved: false, by: 'bob' })).rejects.toMatchObject({
    code: 'Conflict',
    error: { message: expect.stringMatching(/"sign-off".*was approved by ann at /) },
  });
  expect((await result).approved).toBe(true);
});

test('of answers given at once one is taken, and the others are told', async () => {
  const { id, result } = await asked('at-once');
  const names = ['ann', 'bob', 'cem', 'dee', 'eve'];
  const given = await Promise.allSettled(
    names.map((by) => bed.client.approve(id, 'sign-off', { approved: by !== 'bob', by })),
  );
  const taken = given.flatMap((one, index) => (one.status === 'fulfilled' ? [names[index]] : []));
  expect(taken).toHaveLength(1);
  expect((await result).by).toBe(taken[0]);
  for (const one of given) {
    if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'Conflict' });
  }
});

test('an approval or a run that is not there is said to be not there', async () => {
  const { id, result } = await asked('unknown');
  await expect(bed.client.approve(id, 'sign-of', { approved: true })).rejects.toMatchObject({
    code: 'NotFound',
    error: { message: expect.stringContaining('"sign-of"'), hint: 'It waits for: sign-off' },
  });
  await expect(bed.client.approve(`none-${id}`, 'sign-off', { approved: true })).rejects.toMatchObject({
    code: 'NotFound',
  });
  await bed.client.approve(id, 'sign-off', { approved: true });
  await result;
});

test('who is no approver is refused, and the approval goes on waiting', async () => {
  const { id, result } = await asked('approvers', { approvers: ['ann'] });
  for (const by of ['bob', undefined]) {
    await expect(bed.client.approve(id, 'sign-off', { approved: true, by })).rejects.toMatchObject({
      code: 'InvalidRequest',
      error: { path: 'by', message: expect.stringContaining('is for ann') },
    });
  }
  expect(await bed.client.approvals(id)).toHaveLength(1);
  await bed.client.approve(id, 'sign-off', { approved: true, by: 'ann' });
  expect(await result).toMatchObject({ approved: true, by: 'ann' });
});

test.each(['role:approver', 'key:acme:boss'])(
  'what is for %s is answered by it, or by the operator',
  async (approver) => {
    const name = approver.replaceAll(':', '-');
    const byCaller = await asked(`caller-${name}`, { approvers: [approver] });
    const other = bed.client.as({ role: 'caller', key: 'acme:other' });
    const yes = { approved: true, by: approver };
    await expect(other.approve(byCaller.id, 'sign-off', yes)).rejects.toThrow('is none of them');
    await bed.client.as({ role: 'approver', key: 'acme:boss' }).approve(byCaller.id, 'sign-off', { approved: true });
    expect(await byCaller.result).toMatchObject({ approved: true });

    const byOperator = await asked(`operator-${name}`, { approvers: [approver] });
    await bed.client.approve(byOperator.id, 'sign-off', { approved: false, by: 'ann' });
    expect(await byOperator.result).toMatchObject({ approved: false, by: 'ann' });
  },
);

test('a plain Temporal client can answer, by Update or by Signal', async () => {
  const update = await asked('plain-update');
  const handle = bed.temporal.workflow.getHandle(update.id);
  const wrong = handle.executeUpdate('approve', { args: [{ approval: 'other', approved: true }] });
  await expect(wrong).rejects.toBeInstanceOf(WorkflowUpdateFailedError);
  const malformed = handle.executeUpdate('approve', { args: [{ approval: 'sign-off', approved: 'yes' }] });
  await expect(malformed).rejects.toMatchObject({ cause: { message: expect.stringContaining('answer.approved') } });
  await handle.executeUpdate('approve', { args: [{ approval: 'sign-off', approved: true, by: 'ann' }] });
  expect(await update.result).toMatchObject({ approved: true, by: 'ann' });

  const signal = await asked('plain-signal');
  const other = bed.temporal.workflow.getHandle(signal.id);
  await other.signal('approve', { approval: 'sign-off', approved: 'perhaps' });
  await other.signal('approve', { approval: 'sign-off', approved: false, by: 'bob' });
  expect(await signal.result).toMatchObject({ approved: false, by: 'bob' });
});

test('an answer counts though the run, begun again where its worker was lost, has not come to its question yet', async () => {
  const id = `behind-${bed.taskQueue}`;
  const options = { workflowId: id, taskQueue: `${bed.taskQueue}-steps`, args: [] };
  const handle = await bed.temporal.workflow.start('twoQuestions', options);
  await untilEvent(bed.client, id, 'approval.requested');
  // The events know of both questions, the workflow of the first.
  const store = await openStore({ url: bed.databaseUrl });
  const run = { id, chain: handle.firstExecutionRunId, pattern: 'twoQuestions', startedAt: new Date().toISOString() };
  const key = 'approval.requested:second';
  const asked = { type: 'approval.requested' as const, key, step: 'second', approval: 'second', show: 'Sure?' };
  await store.events.record(run, [asked]);
  await store.close();

  const early = await bed.client.approve(id, 'second', { approved: false });
  expect(early).toMatchObject({ approval: 'second', taken: false });
  await bed.client.approve(id, 'first', { approved: true });
  expect(await handle.result()).toEqual([true, false]);
});

test('what waits is listed, until it is answered or its run is over', async () => {
  const first = await asked('list-a', { patience: '1 day' });
  const second = await asked('list-b', { show: 'text' });
  expect(await bed.client.approvals(first.id)).toEqual([
    {
      id: first.id,
      approval: 'sign-off',
      pattern: 'approval',
      show: { draft: 'Hello' },
      requestedAt: first.event.at,
      expiresAt: first.event.expiresAt,
    },
  ]);
  const idsOfAll = async () => (await bed.client.approvals()).map(({ id }) => id);
  expect(await idsOfAll()).toEqual([first.id, second.id]);
  await bed.client.approve(first.id, 'sign-off', { approved: true });
  await first.result;
  await bed.client.cancel(second.id);
  await expect(second.result).rejects.toThrow();
  await untilEvent(bed.client, second.id, 'run.cancelled');
  expect(await idsOfAll()).toEqual([]);
  expect(await bed.client.approvals(second.id)).toEqual([]);
  await expect(bed.client.approve(second.id, 'sign-off', { approved: true })).rejects.toMatchObject({
    code: 'Conflict',
    error: { message: expect.stringContaining('is cancelled') },
  });
});

test.each([
  [{ approvers: [] }, 'approvers is empty'],
  [{ patience: 'soon' }, 'patience: A duration is'],
])('a request that cannot be meant fails with what is wrong: %j', async (request, message) => {
  const id = `bad-${message.length}-${bed.taskQueue}`;
  const run = bed.step('approval', { show: 1, ...request }, id);
  await expect(run).rejects.toMatchObject({
    cause: { type: 'InvalidRequest', message: expect.stringContaining(message) },
  });
  expect((await bed.eventsOf(id)).map(({ type }) => type)).toEqual(['run.started', 'run.failed']);
});
