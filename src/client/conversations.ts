import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type Client,
  type ConnectionLike,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type WorkflowUpdateHandle,
  WorkflowUpdateRPCTimeoutOrCancelledError,
  WorkflowUpdateStage,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  type Answer,
  CallError,
  firstRunOf,
  isTerminal,
  type RunEvent,
  RunId,
  SendMessage,
} from '../contract/index.ts';
import type { Store, StoredRun } from '../store/index.ts';
import type { SendOptions, SentMessage } from './cadenza.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { clientError } from './outcome.ts';

/** A worker that lives takes a message in some 10 ms; a deploy may keep it waiting, ms. */
const TAKEN_WITHIN_MS = 60_000;
/** A message that is turned away is so at once, ms. */
const TURNED_AWAY_WITHIN_MS = 5;

export interface Talking {
  temporal: Client;
  connection: ConnectionLike;
  store: Store;
  /** live events of the run */
  events(after: number, signal?: AbortSignal): AsyncIterable<RunEvent>;
}

/** Gives a conversation its next message. @returns once a worker has taken it: from then on its answer will come
 *  @throws CadenzaError InvalidRequest, Conflict, NotReachable */
export async function sendMessage(
  talking: Talking,
  run: StoredRun,
  text: string,
  { id: given, after }: SendOptions,
): Promise<SentMessage> {
  const { connection, store } = talking;
  const id = given ?? randomUUID();
  const message = checkedMessage(run, text, id);
  const before = given === undefined ? undefined : await store.events.startOfTurn(run.chain, id);
  const cursor = after ?? (before === undefined ? await store.runs.newestSeq(run.chain) : before - 1);
  for (;;) {
    const deadline = Date.now() + TAKEN_WITHIN_MS;
    const handle = await connection.withDeadline(deadline, () => acceptedUpdate(talking, run, message, id));
    const answer = answerOf(handle, run.id);
    const turnedAway = await Promise.race([answer.then(() => undefined, retryAfterOf), delay(TURNED_AWAY_WITHIN_MS)]);
    if (turnedAway !== undefined) {
      await delay(turnedAway);
      continue;
    }
    return {
      id,
      after: cursor,
      answer: () => answer,
      events: ({ signal } = {}) => eventsOf(talking, id, cursor, signal),
    };
  }
}

/** Ends a conversation, once the messages it has are answered. @throws CadenzaError Conflict if it has ended */
export async function endConversation({ temporal }: Pick<Talking, 'temporal'>, run: StoredRun): Promise<void> {
  assertConversation(run);
  try {
    await temporal.workflow.getHandle(run.id, undefined, { firstExecutionRunId: firstRunOf(run.chain) }).signal('end');
  } catch (thrown) {
    throw thrown instanceof WorkflowNotFoundError ? hasEnded(run.id) : clientError(thrown, run.id);
  }
}

function checkedMessage(run: StoredRun, text: string, id: string): SendMessage {
  assertConversation(run);
  checked(RunId, id, 'id');
  return checked(SendMessage, { text }, '');
}

function assertConversation({ id, pattern }: StoredRun): void {
  if (pattern === 'conversation') return;
  throw refusal('InvalidRequest', `The run "${id}" is of the pattern ${pattern}, which takes no messages`, {
    hint: 'Start one that does: npx cadenza chat',
    path: 'id',
  });
}

/** The Update names the run by its chain alone: which history of it is the newest, the server knows. */
async function acceptedUpdate(
  { temporal }: Talking,
  run: StoredRun,
  message: SendMessage,
  updateId: string,
): Promise<WorkflowUpdateHandle<Answer>> {
  const handle = temporal.workflow.getHandle(run.id, undefined, { firstExecutionRunId: firstRunOf(run.chain) });
  try {
    return await handle.startUpdate<Answer, [SendMessage]>('send', {
      args: [message],
      updateId,
      waitForStage: WorkflowUpdateStage.ACCEPTED,
    });
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) throw hasEnded(run.id);
    if (!(thrown instanceof WorkflowUpdateRPCTimeoutOrCancelledError)) throw clientError(thrown, run.id);
    throw new CadenzaError('NotReachable', {
      type: 'Unavailable',
      message: `No worker took the message within ${TAKEN_WITHIN_MS / 1_000} s`,
      hint: 'Is one running? See: npx cadenza doctor. The message can be sent again, under the same id',
    });
  }
}

async function answerOf(handle: WorkflowUpdateHandle<Answer>, run: string): Promise<Answer> {
  try {
    return await handle.result();
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) throw hasEnded(run);
    if (!(thrown instanceof WorkflowUpdateFailedError)) throw clientError(thrown, run);
    throw notAnswered(thrown, run);
  }
}

function notAnswered({ cause }: WorkflowUpdateFailedError, run: string): CadenzaError {
  const said = CallError.safeParse(cause instanceof ApplicationFailure ? cause.details?.[0] : undefined);
  // Temporal's own word for an Update whose workflow is gone.
  if (!said.success) return hasEnded(run);
  const { data: error } = said;
  if (error.type === 'Cancelled') return new CadenzaError('Conflict', error);
  return new CadenzaError(error.path === undefined ? 'NotAnswered' : 'InvalidRequest', error);
}

function hasEnded(run: string): CadenzaError {
  return new CadenzaError('Conflict', {
    type: 'Cancelled',
    message: `The conversation "${run}" has ended`,
    hint: 'Start another one: npx cadenza chat',
    path: 'id',
  });
}

/** ms after which a message that was turned away is to be sent again. */
function retryAfterOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof CadenzaError) || thrown.error.step !== undefined) return undefined;
  return thrown.error.type === 'Unavailable' ? thrown.error.retryAfterMs : undefined;
}

/** The events of the one turn that answers the message, live. */
async function* eventsOf(
  { events }: Talking,
  message: string,
  after: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<RunEvent> {
  let step: string | undefined;
  for await (const event of events(after, signal)) {
    if (event.type === 'step.started' && event.message?.id === message) step = event.step;
    if (isTerminal(event)) {
      yield event;
      return;
    }
    if (step === undefined || event.step !== step) continue;
    yield event;
    if (event.type === 'step.completed' || event.type === 'step.failed') return;
  }
}
