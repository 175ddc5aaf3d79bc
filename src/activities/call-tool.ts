import { randomUUID } from 'node:crypto';
import { CancelledFailure, Context } from '@temporalio/activity';
import {
  type CallError,
  shortened,
  type ToolActivities,
  type ToolCall,
  type ToolDone,
  type ToolOutcome,
} from '../contract/index.ts';
import { redact } from '../providers/index.ts';
import { isStoreError } from '../store/index.ts';
import { asData, asUnfinished, type Tool, ToolFailure } from '../tools/index.ts';
import { awaitStore } from './await-store.ts';
import { sha256 } from './call-key.ts';
import { failureOf } from './failure.ts';
import { heartbeat } from './heartbeat.ts';
import { observeTool } from './observe-calls.ts';
import type { Rooms } from './rooms.ts';
import { toolContext } from './tool-context.ts';
import { toolResult } from './tool-result.ts';
import { sized } from './transcripts.ts';

/** Attempts of a safe tool that fails with what a further attempt may not have. */
const MOST_ATTEMPTS = 3;
/** Wait before the second attempt, ms; doubled for the third. */
const FIRST_BACKOFF_MS = 1_000;
/** Wait for what a tool goes on with elsewhere, where it is away, ms. */
const LOOK_AGAIN_MS = 5_000;
/** Characters of a result that its event shows. */
const SHOWN = 2_000;

/**
 * Runs a tool, or returns what the same call already gave.
 *
 *   journal: ended? --> begin (unsafe, and begun before: interrupted) --> tool --> result kept as a message --> journal: end
 *
 * An outcome is kept before it is told, so that a lost completion costs nothing; what the tool throws is the model's to
 * deal with. @throws ApplicationFailure for what a further attempt may not have, CancelledFailure
 */
export function createCallTool(rooms: Rooms): Pick<ToolActivities, 'callTool' | 'abandonTool'> {
  const { store, tools, secrets } = rooms;

  async function callTool(call: ToolCall): Promise<ToolOutcome> {
    const { cancellationSignal: signal } = Context.current();
    const stopHeartbeat = heartbeat();
    try {
      return await callOnce(call, signal);
    } finally {
      stopHeartbeat();
    }
  }

  async function callOnce(call: ToolCall, signal: AbortSignal): Promise<ToolOutcome> {
    const { run, step, tool: name, replay, resume } = call;
    const key = toolKey(call);
    const resumes = resume !== undefined;
    const journaled = { key, chain: run.chain, step, tool: name, replay, holder: randomUUID(), resumes };
    let outside: string | undefined;
    const isPoll = resume !== undefined && resume.answer === undefined;
    if (isPoll) {
      const ended = await awaitStore(signal, () => store.tools.ended(key));
      if (ended) return ended;
      return attempt(1);
    }
    const begun = await awaitStore(signal, () => store.tools.begin(journaled));
    if (begun.state === 'finished') return finished(begun.outcome);
    if (begun.state === 'waiting') return begun.unfinished;
    if (begun.state === 'interrupted') return begun.outcome ?? end({ interrupted: true });
    return attempt(begun.attempt);

    async function attempt(nth: number): Promise<ToolOutcome> {
      if (nth === 1 && !resume) await awaitStore(signal, started);
      try {
        const tool = await tools.find(name);
        if (!tool?.run) throw new ToolFailure(gone(name));
        outside = tool.outside;
        const run = () => within(call.timeoutMs, signal, (mine) => ran(tool, call, mine));
        const result = await observeTool(rooms, call, run, {
          result: (gave) => (asUnfinished(gave) ? 'waiting' : 'completed'),
          thrown: (thrown) => errorOf(thrown, call),
        });
        const unfinished = asUnfinished(result);
        if (!unfinished) return await end(await toolResult(rooms, call, result));
        await awaitStore(signal, () => store.tools.wait(key, journaled.holder, unfinished));
        return unfinished;
      } catch (thrown) {
        if (isStoreError(thrown)) throw thrown;
        if (signal.aborted) throw await stopped();
        if (thrown instanceof ToolFailure && thrown.interrupted) return end({ interrupted: true });
        const error = errorOf(thrown, call);
        // Looking is harmless: what the tool goes on with elsewhere is looked at again once that can be had.
        if (isPoll && thrown instanceof ToolFailure && thrown.retryable)
          return { wait: { state: resume.state, pollMs: LOOK_AGAIN_MS, message: error.message } };
        const mayRepeat = thrown instanceof ToolFailure && thrown.retryable && replay === 'safe' && nth < MOST_ATTEMPTS;
        if (mayRepeat) throw failureOf(error, { delayMs: error.retryAfterMs ?? FIRST_BACKOFF_MS * 2 ** (nth - 1) });
        return end({ error });
      }
    }

    /** Cancelled: nobody knows how far it came. Stopped with its worker: the next attempt says what may be done. */
    async function stopped(): Promise<unknown> {
      const { reason } = signal;
      const isCancelled = reason instanceof CancelledFailure && reason.message === 'CANCELLED';
      if (isCancelled) await end({ error: { type: 'Cancelled', message: 'The call was cancelled', step } });
      return isCancelled
        ? reason
        : failureOf({ type: 'ConnectionLost', message: 'The worker was stopped' }, { delayMs: 0 });
    }

    async function end(ending: { text?: string; error?: CallError; interrupted?: boolean }): Promise<ToolDone> {
      const { text = endingText(ending), error, interrupted } = ending;
      const shown = redact(text, secrets);
      // An error with a status may quote what a server said; others are ours.
      const isTheirs = error ? error.status !== undefined : !interrupted;
      const content = outside !== undefined && isTheirs ? asData(outside, shown) : shown;
      const isError = error !== undefined || interrupted === true;
      const result = { type: 'toolResult' as const, id: call.id, name, content, ...(isError && { isError }) };
      return awaitStore(new AbortController().signal, async () => {
        const line = sized({ role: 'tool', content: [result] });
        const [hash] = await store.transcripts.keep([line], run.id);
        const outcome: ToolDone = {
          kept: { hash: hash!, tokens: line.tokens },
          ...(error && { error: { ...error, message: redact(error.message, secrets), step } }),
          ...(interrupted && { interrupted }),
        };
        return finished(await store.tools.end(key, outcome), shown);
      });
    }

    async function started(): Promise<void> {
      const args = JSON.parse(redact(JSON.stringify(call.arguments), secrets)) as ToolCall['arguments'];
      const data = { tool: name, id: call.id, agent: call.by, arguments: args };
      await store.events.record(run, [{ type: 'tool.started', key: `tool.started:${step}`, step, ...data }]);
    }

    /** Told once more where it was lost before it was told. */
    async function finished(outcome: ToolDone, content?: string): Promise<ToolDone> {
      const { error, interrupted } = outcome;
      const data = { tool: name, id: call.id, error, interrupted, result: content && shortened(content, SHOWN) };
      await store.events.record(run, [{ type: 'tool.completed', key: `tool.completed:${step}`, step, ...data }]);
      return outcome;
    }
  }

  async function ran(tool: Tool, call: ToolCall, signal: AbortSignal): Promise<unknown> {
    const context = toolContext(rooms, call, tool, signal, toolKey(call));
    const { resume } = call;
    if (resume) {
      if (!tool.resume) throw new ToolFailure(gone(call.tool));
      return tool.resume(resume.state, context, resume.answer);
    }
    const checked = await tool.check(call.arguments);
    if ('problem' in checked) {
      throw new ToolFailure({ type: 'InvalidRequest', message: `The arguments do not fit: ${checked.problem}` });
    }
    return tool.run!(checked.args, context);
  }

  return {
    callTool,
    async abandonTool(call) {
      const { cancellationSignal: signal } = Context.current();
      const tool = await tools.find(call.tool);
      await tool?.abandon?.(call.resume?.state, toolContext(rooms, call, tool, signal, toolKey(call)));
    },
  };
}

/** The name under which a tool call is made once: neither the attempt nor the run id is part of it. */
function toolKey({ run, journal = run.chain, agent, turn, id, tool, arguments: args }: ToolCall): string {
  return sha256(['tool', journal, agent, String(turn), id, tool, JSON.stringify(args)].join('\n'));
}

async function within(
  timeoutMs: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<unknown> {
  const timedOut = new AbortController();
  const timer = setTimeout(() => timedOut.abort(), Math.min(timeoutMs, 2 ** 31 - 1));
  const both = AbortSignal.any([signal, timedOut.signal]);
  // A tool that does not listen is left alone: its time is over all the same.
  const over = new Promise<never>((_, reject) => {
    both.addEventListener('abort', () => reject(timedOut.signal.aborted ? outOfTime(timeoutMs) : signal.reason), {
      once: true,
    });
  });
  try {
    return await Promise.race([work(both), over]);
  } catch (thrown) {
    throw timedOut.signal.aborted && !signal.aborted ? outOfTime(timeoutMs) : thrown;
  } finally {
    clearTimeout(timer);
  }
}

function outOfTime(limitMs: number): ToolFailure {
  const message = `The tool was not done after ${Math.round(limitMs / 1_000)} s`;
  return new ToolFailure({ type: 'Timeout', message, phase: 'total', limitMs }, { retryable: true });
}

function gone(name: string): CallError {
  return { type: 'ToolFailed', message: `No worker here knows the tool ${name} any more` };
}

function errorOf(thrown: unknown, { step }: ToolCall): CallError {
  if (thrown instanceof ToolFailure) return { ...thrown.error, step };
  return { type: 'ToolFailed', message: thrown instanceof Error ? thrown.message : String(thrown), step };
}

/** What the model reads of a call that has no result. */
function endingText({ error, interrupted }: { error?: CallError; interrupted?: boolean }): string {
  if (interrupted) return INTERRUPTED;
  return `${error!.type}: ${error!.message}${error!.hint === undefined ? '' : `. ${error!.hint}`}`;
}

const INTERRUPTED =
  'interrupted: the process that ran this tool was lost, and it is not known whether the tool did what it was asked. ' +
  'It was not run again. Find out before you ask for it once more, or say so in your answer.';
