import { createHash, randomUUID } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { Cadenza } from '../../client/cadenza.ts';
import { CadenzaError } from '../../client/errors.ts';
import { isTerminal, type RunEvent, type Usage } from '../../contract/index.ts';
import type { GatewayEnv } from '../app.ts';
import { ProblemError } from '../problem.ts';
import { type AnswerOfRun, NotAnswered } from './answered.ts';
import { type ParamNames, problemOfCall, refusalOfStart } from './errors.ts';
import type { Plan } from './plan.ts';

/** What is started for a call. */
type Started = Pick<Plan, 'pattern' | 'input' | 'lane'>;

export interface CallOptions {
  /** how ids of this dialect begin */
  prefix: string;
  plan: Started;
  params: ParamNames;
  metadata?: Record<string, unknown>;
  /** it goes on whether or not anybody waits for it */
  isBackground?: boolean;
}

/** A call under way: a run, whose id names the answer. */
export interface OpenedCall {
  /** of the answer */
  id: string;
  /** the same as everybody of this installation knows it */
  runId: string;
  pages: AsyncIterable<RunEvent[]>;
  /** the run had ended before */
  isOver: boolean;
  /** The client is gone: nothing more is spent, unless it may come back for the answer. */
  abandon(): void;
}

/**
 * Starts the run of a call, or finds the one of the same Idempotency-Key.
 * @throws ProblemError what is wrong with the request; CadenzaError Conflict where the key was used for another one
 */
export async function openCall(c: Context<GatewayEnv>, options: CallOptions): Promise<OpenedCall> {
  const { client, caller, surroundings } = c.var;
  const { plan, params, metadata, isBackground = false } = options;
  const key = c.req.header('idempotency-key');
  const id = idOf(options.prefix, key);
  const { id: runId, isNew } = await client
    .startUnchecked(plan.pattern, plan.input, {
      ...{ id, isNewId: key === undefined, isOneRequest: true },
      ...{ lane: plan.lane, key: caller.key, metadata },
    })
    .catch((thrown: unknown) => {
      throw refusalOfStart(thrown, params);
    });
  const reader = new AbortController();
  const { pages, status } = await client.follow(id, { signal: reader.signal });
  return {
    ...{ id, runId, pages },
    isOver: !isNew && status !== 'running',
    abandon() {
      if (reader.signal.aborted) return;
      reader.abort();
      if (key !== undefined || isBackground) return;
      client.cancel(id).catch((error: unknown) => {
        if (!(error instanceof CadenzaError)) surroundings.log.warn({ err: error, run: id }, 'call not cancelled');
      });
    },
  };
}

/** The answer of a run, by its events or where they do not hold it by its result. */
export function answerOfRun(
  client: Cadenza,
  { id, pages, isOver }: Pick<OpenedCall, 'id' | 'pages' | 'isOver'>,
  { step, holds, answerOf, input }: Pick<Plan, 'step' | 'holds' | 'answerOf' | 'input'>,
): AnswerOfRun {
  const isJson = (input as { schema?: unknown }).schema !== undefined;
  const result = async () => {
    const answer = answerOf(await resultOf(client, id));
    // Of a pattern all of its calls were used.
    return step === undefined ? { ...answer, usage: await usageOf(client, id) } : answer;
  };
  return { ...{ pages, isOver, step, holds, isJson }, result };
}

async function usageOf(client: Cadenza, id: string): Promise<Usage> {
  const { inputTokens, outputTokens } = await client.bill(id);
  return { inputTokens, outputTokens };
}

/** What a run gave, once its events tell that it has ended. @throws NotAnswered */
export async function resultAfter(client: Cadenza, { id, pages }: Pick<OpenedCall, 'id' | 'pages'>): Promise<unknown> {
  for await (const page of pages) {
    const last = page.find(isTerminal);
    if (last?.type === 'run.failed') throw new NotAnswered(last.error);
    if (last) return resultOf(client, id);
  }
  return resultOf(client, id);
}

async function resultOf(client: Cadenza, id: string): Promise<unknown> {
  const outcome = await client.outcome(id, RESULT_WITHIN_S);
  if (outcome.status === 'completed') return outcome.result;
  if (outcome.status === 'running') {
    throw new NotAnswered({ type: 'Unavailable', message: 'The run has ended, and its result is not there yet.' });
  }
  throw new NotAnswered(outcome.error);
}

/** Its events are there before Temporal has closed the run, s. */
const RESULT_WITHIN_S = 30;

/** What goes wrong with a call, as HTTP tells it. */
export function asRefusal(thrown: unknown, params: ParamNames): unknown {
  return thrown instanceof NotAnswered ? new ProblemError(problemOfCall(thrown.error, params)) : thrown;
}

/** Tenants have ids of their own: two never share a key, nor do two dialects. */
function idOf(prefix: string, key: string | undefined): string {
  if (key === undefined) return `${prefix}${randomUUID().replaceAll('-', '')}`;
  return `${prefix}${createHash('sha256').update(key).digest('hex').slice(0, 40)}`;
}

export const IdempotencyKey = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(255)
    .optional()
    .openapi({ description: 'A repeated request gets the same run’s answer, and is not paid again' }),
});

/** As the OpenAPI document describes them. */
export const ANSWER_HEADERS = z.object({
  'x-cadenza-run-id': z.string().openapi({ description: 'The run that answers' }),
  'x-cadenza-cost-usd': z
    .string()
    .optional()
    .openapi({ description: 'What the run cost, where its price is known; a stream tells it at its end' }),
});

export function runHeaders(id: string): Record<string, string> {
  return { 'x-cadenza-run-id': id };
}

export function answerHeaders(id: string, { costUsd }: { costUsd: number | null }): Record<string, string> {
  return { ...runHeaders(id), ...(costUsd === null ? {} : { 'x-cadenza-cost-usd': String(costUsd) }) };
}
