import { type Artifact, type Message, type Part, Role, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk';
import type { Outcome } from '../../client/cadenza.ts';
import type { CallError, RunInfo } from '../../contract/index.ts';

/** What a run asks a person, as far as it is told. */
export interface Asked {
  approval: string;
  show: unknown;
}

/** The one artifact of a task: what its agent answered. */
export const ANSWER = 'answer';

/** A run as a task: its id is the run's. @param outcome where the run has ended @param asked what it waits for */
export function taskOf(run: RunInfo, outcome?: Outcome, asked: Asked[] = []): Task {
  const place = { taskId: run.id, contextId: contextOf(run) };
  return {
    ...{ id: run.id, contextId: place.contextId, history: [] },
    status: statusOf(run, place, asked, outcome),
    artifacts: outcome?.status === 'completed' ? [artifactOf(outcome.result)] : [],
    metadata: { cadenza: { run: run.id, costUsd: run.costUsd } },
  };
}

/** A run that was not begun over A2A is a context of its own. */
export function contextOf({ id, metadata }: Pick<RunInfo, 'id' | 'metadata'>): string {
  const { a2a } = (metadata ?? {}) as { a2a?: { context?: string } };
  return a2a?.context ?? id;
}

export interface Place {
  taskId: string;
  contextId: string;
}

function statusOf(run: RunInfo, place: Place, asked: Asked[], outcome?: Outcome): TaskStatus {
  if (asked.length > 0) return inputRequired(place, asked);
  const error = outcome && 'error' in outcome ? outcome.error : run.error;
  return endedStatus(place, run.status, error, run.endedAt ?? run.startedAt);
}

const STATES = {
  running: TaskState.TASK_STATE_WORKING,
  completed: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  cancelled: TaskState.TASK_STATE_CANCELED,
} as const;

export function endedStatus(place: Place, status: RunInfo['status'], error?: CallError, at?: string): TaskStatus {
  const said = error && `${error.type}: ${error.message}`;
  return statusWith(STATES[status], at, said === undefined ? undefined : spoken(place, `${status}`, [textPart(said)]));
}

/** What is asked, in words for people and as data for programs. */
export function inputRequired(place: Place, asked: Asked[]): TaskStatus {
  const words = asked.map(({ show }) => {
    const {
      question,
      tool,
      arguments: args,
    } = (show ?? {}) as { question?: unknown; tool?: string; arguments?: unknown };
    if (typeof question === 'string') return question;
    return tool === undefined ? JSON.stringify(show) : `May ${tool} be used with ${JSON.stringify(args)}?`;
  });
  const parts = [
    textPart(words.join('\n')),
    dataPart({ approvals: asked.map(({ approval, show }) => ({ approval, show })) }),
  ];
  return statusWith(
    TaskState.TASK_STATE_INPUT_REQUIRED,
    undefined,
    spoken(place, asked.map(({ approval }) => approval).join(), parts),
  );
}

export function working(place: Place, words: string, id: string): TaskStatus {
  return statusWith(TaskState.TASK_STATE_WORKING, undefined, spoken(place, id, [textPart(words)]));
}

function statusWith(state: TaskState, timestamp = new Date().toISOString(), message?: Message): TaskStatus {
  return { state, message, timestamp };
}

function spoken({ taskId, contextId }: Place, id: string, parts: Part[]): Message {
  return {
    ...{ messageId: `${taskId}#${id}`, taskId, contextId, role: Role.ROLE_AGENT, parts },
    ...{ metadata: undefined, extensions: [], referenceTaskIds: [] },
  };
}

/** The answer of a run: its words, and its object where a schema was asked for. */
export function artifactOf(result: unknown): Artifact {
  const { text, object } = (result ?? {}) as { text?: string; object?: unknown };
  const parts = [textPart(text ?? JSON.stringify(result)), ...(object === undefined ? [] : [dataPart(object)])];
  return artifactWith(parts);
}

export function artifactWith(parts: Part[]): Artifact {
  return { artifactId: ANSWER, name: ANSWER, description: '', parts, metadata: undefined, extensions: [] };
}

export function textPart(value: string): Part {
  return { content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: 'text/plain' };
}

function dataPart(value: unknown): Part {
  return { content: { $case: 'data', value }, metadata: undefined, filename: '', mediaType: 'application/json' };
}
