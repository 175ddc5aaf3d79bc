import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { answerTo, type ConversationProvider, conversationProvider } from '../setup/conversation-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';

let provider: ConversationProvider;
let bed: TestBed;
beforeAll(async () => {
  provider = await conversationProvider();
  bed = await testBed({ provider });
});
afterAll(() => bed.close());

/** Resets a run to before its second Update. */
async function resetToFirstTurn(id: string, excluded: number[]): Promise<void> {
  const handle = bed.temporal.workflow.getHandle(id);
  const [{ runId }, { events }] = await Promise.all([handle.describe(), handle.fetchHistory()]);
  const updates = events!.filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes);
  const second = Number(updates[1]!.eventId);
  const last = events!.findLast(
    (event) => event.workflowTaskCompletedEventAttributes && Number(event.eventId) < second - 1,
  );
  await bed.temporal.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: id, runId },
    reason: 'test',
    requestId: randomUUID(),
    workflowTaskFinishEventId: last!.eventId,
    resetReapplyExcludeTypes: excluded,
  });
}

const UPDATES = 2;

test('a conversation reset to its first turn goes on from there with other messages', async () => {
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const { id } = await bed.client.start('conversation', { policy });
  for (const n of [0, 1, 2]) await bed.client.send(id, `message ${n}`);
  await resetToFirstTurn(id, [UPDATES]);

  expect((await bed.client.send(id, 'message 8')).text).toBe(answerTo('message 8'));
  expect((await bed.client.send(id, 'message 9')).text).toBe(answerTo('message 9'));
  expect(provider.billed.at(-1)!.messages).toEqual(
    [0, 8].flatMap((n) => [`message ${n}`, answerTo(`message ${n}`)]).concat('message 9'),
  );
});

test('messages that Temporal gives again after a reset are answered as before, and asked no second time', async () => {
  const policy = { candidates: ['openai/gpt-6-sol'] };
  const { id } = await bed.client.start('conversation', { policy });
  for (const n of [20, 21, 22]) await bed.client.send(id, `message ${n}`);
  const asked = provider.billed.length;
  await resetToFirstTurn(id, []);

  await bed.client.send(id, 'message 23');
  expect(provider.billed.length).toBe(asked + 1);
  expect(provider.billed.at(-1)!.messages).toEqual(
    [20, 21, 22].flatMap((n) => [`message ${n}`, answerTo(`message ${n}`)]).concat('message 23'),
  );
});
