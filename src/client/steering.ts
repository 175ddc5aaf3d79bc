import { randomUUID } from 'node:crypto';
import { type Client, type ConnectionLike, WorkflowNotFoundError, WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import {
  CallError,
  firstRunOf,
  GIVE_TOOL_RESULT,
  isDirectChain,
  RunId,
  SendMessage,
  STEER_AGENT,
  STOP_AGENT,
  STOP_STEP,
  type TakenByRun,
  ToolResultInput,
} from '../contract/index.ts';
import type { StoredRun, StoredStep } from '../store/index.ts';
import type { SendOptions } from './cadenza.ts';
import { deliver } from './deliver.ts';
import { CadenzaError, checked, refusal } from './errors.ts';
import { clientError } from './outcome.ts';

interface Steering {
  temporal: Client;
  connection: ConnectionLike;
}

/** Gives an agent a message, which it reads at its next turn. @throws CadenzaError InvalidRequest, Conflict */
export async function steer(
  steering: Steering,
  run: StoredRun,
  text: string,
  { id }: Pick<SendOptions, 'id'> = {},
): Promise<TakenByRun> {
  checked(RunId.optional(), id, 'id');
  const message = checked(SendMessage, { text }, '');
  return { id: run.id, taken: await told(steering, run, STEER_AGENT, message, 'messages', id) };
}

/** Gives the result of a tool the client runs. @throws CadenzaError InvalidRequest, Conflict */
export async function giveToolResult(
  steering: Steering,
  run: StoredRun,
  toolCall: string,
  given: ToolResultInput,
): Promise<TakenByRun> {
  const result = { toolCall, given: checked(ToolResultInput, given, '') };
  return { id: run.id, taken: await told(steering, run, GIVE_TOOL_RESULT, result, 'results of tools') };
}

/** Patterns that go on without a step that was stopped: a model of a comparison, the answer to a message. */
const BY_STEP = ['compare', 'conversation'];
const UNSTOPPABLE = /^(judge|merge|summary)(#\d+)?$/;

/** Stops one step of a run, which goes on without it. @throws CadenzaError InvalidRequest, Conflict */
export async function stopStep(
  { temporal }: Steering,
  run: StoredRun,
  step: string,
  begun: StoredStep[],
): Promise<void> {
  const steps = [...new Set(begun.map((one) => one.step))].filter((name) => !UNSTOPPABLE.test(name));
  const refused = (message: string, hint: string) => refusal('InvalidRequest', message, { path: 'step', hint });
  const whole = 'Stop the whole run: leave step out';
  if (!BY_STEP.includes(run.pattern))
    throw refused(`The steps of a ${run.pattern} cannot be stopped one by one`, whole);
  if (isDirectChain(run.chain)) throw refused('In the direct lane a run is one activity', whole);
  if (!steps.includes(step)) throw refused(`The run ${run.id} has no step "${step}"`, `It has: ${steps.join(', ')}`);
  await signalled(temporal, run, STOP_STEP, step);
}

/** Stops an agent: what it is at is aborted, and it ends with what it has. */
export async function stopAgent({ temporal }: Steering, run: StoredRun): Promise<void> {
  await signalled(temporal, run, STOP_AGENT);
}

async function signalled(temporal: Client, run: StoredRun, name: string, ...args: unknown[]): Promise<void> {
  assertRunning(run);
  try {
    const handle = temporal.workflow.getHandle(run.id, undefined, { firstExecutionRunId: firstRunOf(run.chain) });
    await handle.signal(name, ...args);
  } catch (thrown) {
    throw thrown instanceof WorkflowNotFoundError ? hasEnded(run) : clientError(thrown, run.id);
  }
}

/** @param id names what is told: one that has ended answers as before what it was told already */
async function told(
  steering: Steering,
  run: StoredRun,
  name: string,
  given: unknown,
  what: string,
  id?: string,
): Promise<boolean> {
  if (id === undefined) assertRunning(run);
  try {
    return await deliver(steering, run, name, given, id ?? randomUUID());
  } catch (thrown) {
    if (thrown instanceof WorkflowNotFoundError) throw hasEnded(run);
    if (!(thrown instanceof WorkflowUpdateFailedError)) throw clientError(thrown, run.id);
    const said = CallError.safeParse(
      thrown.cause instanceof ApplicationFailure ? thrown.cause.details?.[0] : undefined,
    );
    if (said.data?.type === 'Cancelled') throw said.data.path ? new CadenzaError('Conflict', said.data) : hasEnded(run);
    if (said.success) throw new CadenzaError('InvalidRequest', said.data);
    // The workflow knows no such Update.
    throw refusal('InvalidRequest', `The run "${run.id}" is of the pattern ${run.pattern}, which takes no ${what}`, {
      path: 'id',
    });
  }
}

function assertRunning(run: StoredRun): void {
  if (run.status !== 'running') throw hasEnded(run);
}

function hasEnded({ id, status }: StoredRun): CadenzaError {
  const how = status === 'running' ? 'has ended' : `is ${status}`;
  return refusal('Conflict', `The run "${id}" ${how}: nobody is there to be told`, { path: 'id' });
}
