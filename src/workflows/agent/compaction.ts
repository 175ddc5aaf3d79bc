import type { AgentInput, TranscriptWindow } from '../../contract/index.ts';
import { attempt } from '../attempt.ts';
import { transcripts } from '../conversation/transcripts.ts';
import { note, policyOf } from '../run.ts';
import { generate } from '../steps/generate.ts';
import { type AgentState, sumOf } from './state.ts';
import { agentActivities, profileOf } from './team.ts';

/** Tokens of a request where the input does not say: within what today's large models take. A provider that takes less says so. */
const DEFAULT_MAX_TOKENS = 400_000;
/** Share of the window that is left as it is. */
const KEPT_SHARE = 0.25;
/** Share of the window a summary may fill. */
const SUMMARY_SHARE = 0.1;

export function maxTokensOf({ context }: AgentInput, state: AgentState): number {
  return Math.min(state.maxTokens ?? Number.POSITIVE_INFINITY, context?.maxTokens ?? DEFAULT_MAX_TOKENS);
}

/**
 * Makes the oldest lines a summary, if the next request would be too long.
 *
 *   task | old lines ............ | newest lines     -->     summary | task | newest lines
 *
 * A tool's result is never parted from its call. A summary that fails costs the agent nothing but what it would have said.
 */
export async function compacted(step: string, input: AgentInput, state: AgentState): Promise<AgentState> {
  const maxTokens = maxTokensOf(input, state);
  if (state.tokens <= maxTokens) return state;
  const keepTokens = Math.min(
    input.context?.keepTokens ?? Number.POSITIVE_INFINITY,
    Math.floor(maxTokens * KEPT_SHARE),
  );
  const plan = await agentActivities().planCompaction(state.place, keepTokens);
  if (!plan) return state;
  const { toolset } = state.team[state.active]!;
  const { id, from } = state.place;
  const window: TranscriptWindow = { id, from, to: plan.to, system: [], head: state.head };
  const writer = await policyOf(input.context?.policy ?? profileOf(input, state.active).policy);
  const maxOutputTokens = writer.maxOutputTokens ?? Math.max(500, Math.floor(maxTokens * SUMMARY_SHARE));
  const written = await attempt(
    generate({
      step: `${step}/summary`,
      policy: { ...writer, maxOutputTokens, cache: false, guardrails: undefined },
      transcript: window,
      system: INSTRUCTION,
      prompt: REQUEST,
      // Providers take tool calls in a conversation only beside the tools; none is to be called.
      ...(toolset && { toolset: toolset.hash, toolChoice: 'none' as const }),
    }),
    `${step}/summary`,
  );
  const text = 'error' in written ? '' : written.text.trim();
  const summary = text === '' ? 'What was done before is left out here.' : `What was done before, in short:\n${text}`;
  const [kept] = await transcripts.keepMessages([{ role: 'user', content: summary }]);
  note(`${step}: ${plan.to - from} lines became a summary`);
  return {
    ...state,
    ...('error' in written
      ? {}
      : {
          usage: sumOf(state.usage, written.usage),
          costUsd: written.costUsd === null || state.costUsd === null ? null : state.costUsd + written.costUsd,
        }),
    head: [kept!.hash, state.task],
    place: { ...state.place, from: plan.to },
    tokens: plan.keptTokens + kept!.tokens + (toolset?.tokens ?? 0),
  };
}

const INSTRUCTION =
  'You keep the memory of an agent at work. You do not go on with its task: you write down what somebody must know who ' +
  'goes on with it and cannot read what was before: what was asked, what was found out (names, numbers, addresses, as ' +
  'they were), what was done and with which outcome, what failed and why, what is still open. You invent nothing.';

const REQUEST = 'Write down the work so far for whoever goes on with it, and nothing else.';
