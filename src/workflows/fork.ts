import { FORK_MEMO, type Fork, type Message, type ModelCall, type PolicyRef } from '../contract/index.ts';
import { host } from './host.ts';

/*
 * A fork is the old run again: same workflow, same input.
 *
 *   steps begun before   --> answers of the old run's journal, for free
 *   the step it is from  --> asked anew, with the overrides
 *   all others           --> asked anew, as what they are asked has changed
 */

function currentFork(): Fork | undefined {
  return host().workflowInfo().memo?.[FORK_MEMO] as Fork | undefined;
}

function isBefore({ before }: Fork, step: string): boolean {
  return before === 'all' || before.includes(step);
}

/**
 * The chain whose transcripts an agent's begin as. In a fork they are the old run's: as long as nothing is different they
 * have the same lines, so that its calls are found in the old journal; what is different becomes a transcript of its own.
 */
export function chainOfTranscripts(own: string): string {
  const { from } = currentFork() ?? {};
  return from && 'chain' in from ? from.chain : own;
}

/**
 * The chain in whose journal a tool call is, where it is the old run's: one that was asked for before the step the fork is
 * from. What it did is done; only its outcome is taken over.
 * @param askedBy the step whose model asked for it
 */
export function chainOfToolCall(askedBy: string): string | undefined {
  const fork = currentFork();
  return fork && 'chain' in fork.from && isBefore(fork, askedBy) ? fork.from.chain : undefined;
}

/** What a step asks with, as the fork has it. */
export function asForked<Request extends { prompt?: string; messages?: Message[]; policy?: PolicyRef }>(
  step: string,
  request: Request,
): Request {
  const overrides = currentFork()?.overrides ?? {};
  if (!Object.hasOwn(overrides, step)) return request;
  const { policy = request.policy, prompt } = overrides[step]!;
  if (prompt === undefined) return { ...request, policy };
  if (request.messages === undefined) return { ...request, policy, prompt };
  return { ...request, policy, messages: [...request.messages.slice(0, -1), { role: 'user', content: prompt }] };
}

/** A call that says where its answer may already be, or that no kept answer will do. */
export function callAsForked(call: ModelCall): ModelCall {
  const fork = currentFork();
  if (!fork) return call;
  return isBefore(fork, call.step) ? { ...call, from: fork.from } : { ...call, cacheTtlSeconds: undefined };
}

/** The memo of a run that does a step of this one: in a fork, it is a fork as well. */
export function forkMemo(step: string, ownPath: string): Record<string, Fork> {
  const fork = currentFork();
  if (!fork) return {};
  const run = `${fork.run}/${ownPath}`;
  return { [FORK_MEMO]: { from: { run }, run, before: isBefore(fork, step) ? 'all' : [] } };
}
