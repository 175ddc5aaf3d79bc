import { patched, workflowInfo } from '@temporalio/workflow';
import {
  AgentInput,
  type AgentResult,
  type AgentStop,
  type Message,
  type ModelRef,
  type ModelReply,
  type RunOptions,
} from '../contract/index.ts';
import { compacted, maxTokensOf } from './agent/compaction.ts';
import { endSteps, openInbox } from './agent/inbox.ts';
import type { OwnTools } from './agent/own-tools.ts';
import { type AgentState, estimatedTokensOf, limitReached, resultOf, WRAP_UP, withReply } from './agent/state.ts';
import { begun, profileOf } from './agent/team.ts';
import type { Used } from './agent/tool-line.ts';
import { toolStep, useTool } from './agent/use-tool.ts';
import { concurrently } from './concurrently.ts';
import { continueRun } from './continue-run.ts';
import { callErrorOf } from './failures.ts';
import { inputOf } from './input.ts';
import { hasNewerBuild } from './newer-build.ts';
import { policyOf, record } from './run.ts';
import { stepId } from './step-id.ts';
import { generateAs } from './steps/generate.ts';

/** As a step of another workflow, `agent` is given a name; its own steps then begin with it. `own`: tools that workflow does itself. */
export type AgentStep = AgentInput & { step?: string; own?: OwnTools };

/** Tool calls of one turn that run at once. */
const AT_ONCE = 16;
/** Events after which a run goes on in a new history: replaying it stays quick however long an agent lives. */
const HISTORY_EVENTS = 4_000;
/** How often a request a provider finds too long is halved. */
const HALVINGS = 3;

/**
 * A model works on a task with tools, turn by turn, until it is done.
 *
 *   task --> model --tool calls--> (person approves) --> tools, at once --> results --> model --> ... --> answer
 *              ^                                                              |
 *              +--- messages from outside, summary of what is too long <------+
 *
 * Every model call and every tool call is an activity; the words lie in a transcript in the store, and only references
 * go through the history. A message sent meanwhile is read at the next turn; told to stop, it ends with what it has.
 */
export async function agent(
  { step, own, ...given }: AgentStep,
  options?: RunOptions,
  before?: AgentState,
): Promise<AgentResult> {
  const input = inputOf(AgentInput, given);
  const { name = 'agent' } = input;
  const at = step ?? name;
  const inbox = openInbox(before?.known);
  if (at !== name) await record([{ type: 'step.started', key: `step.started:${at}`, step: at, data: { agent: name } }]);
  let state = before ?? (await begun(input, name, at, own));

  const ended = (why: AgentStop, model?: ModelRef) => {
    const result = resultOf(state, why, name, model);
    if (step !== undefined) return result;
    inbox.close();
    const unread = inbox.takeMessages();
    return isTold(unread) ? tell(at, unread).then(() => result) : result;
  };
  const stopped = async () => {
    if (state.last !== undefined) return ended('stopped');
    // Its step has begun also where no model was asked.
    if (at !== name) await endSteps([at]);
    const { candidates } = await policyOf(profileOf(input, state.active).policy);
    return ended('stopped', candidates[0]);
  };
  for (let isLong = false; ; isLong = step === undefined && isFull(input)) {
    while (inbox.hasMessages()) {
      const messages = inbox.takeMessages();
      if (isTold(messages)) await tell(at, messages);
      state = messages.reduce(withLine, state);
    }
    if (isLong) return continueRun(given, options ?? {}, { ...state, known: inbox.known() });
    const limit = limitReached(input, state, Date.now());
    const replied = await inbox.untilStopped(() => answerOfModel(at, input, state, limit));
    if (replied === 'stopped') return stopped();
    state = replied.state;
    const { toolCalls = [] } = replied.reply;
    if (limit !== undefined) return ended(limit);
    if (toolCalls.length === 0 && !inbox.hasMessages()) return ended('done');

    const calls = toolCalls.map((call) => ({ call, step: toolStep(at, call) }));
    const using = { input, state, inbox, agent: at, own, deciding: new Map() };
    const used = await inbox.untilStopped(() =>
      concurrently(calls, AT_ONCE, ({ call, step: mine }) => useTool(call, mine, using)),
    );
    if (used === 'stopped') return stopped();
    state = withResults(state, used);
    if (toolCalls.some((call) => input.stopOn?.includes(call.name))) return ended('stopOn');
  }
}

interface Replied {
  state: AgentState;
  reply: ModelReply;
}

/** Asks the model that is at work for its next turn, with as much of the transcript as fits. */
async function answerOfModel(step: string, input: AgentInput, before: AgentState, limit?: AgentStop): Promise<Replied> {
  let state = limit === undefined ? before : withLine(before, wrapUp(limit));
  for (let halved = 0; ; halved += 1) {
    state = await compacted(step, input, state);
    const { active, team, place, head, add } = state;
    const { toolset, system } = team[active]!;
    try {
      const asks = stepId(step);
      const reply = await generateAs(asks, {
        by: active,
        // No other agent asks with this transcript, so that a cache would only be written.
        policy: { ...(await policyOf(profileOf(input, active).policy)), cache: false },
        transcript: {
          ...{ id: place.id, from: place.from, to: place.length, head, add },
          system: system === undefined ? [] : [system],
          keepsAnswer: true,
        },
        messages: [],
        schema: input.schema,
        keepsPrefix: true,
        ...(toolset && { toolset: toolset.hash, toolChoice: limit === undefined ? 'auto' : 'none' }),
      });
      return { reply, state: withReply(state, reply, asks) };
    } catch (thrown) {
      if (callErrorOf(thrown).type !== 'ContextTooLong' || halved >= HALVINGS) throw thrown;
      const maxTokens = Math.floor(Math.min(maxTokensOf(input, state), state.tokens) / 2);
      state = { ...state, maxTokens };
    }
  }
}

/** Runs that began before there was such an event go on without it. */
function isTold(messages: Message[]): boolean {
  return messages.length > 0 && patched('message.taken');
}

/** Readers of the run see what its agent was told, whether or not there is a turn that reads it. */
async function tell(step: string, messages: Message[]): Promise<void> {
  await record(
    messages.map(({ content }) => {
      const key = `message.taken:${stepId(`${step}/message`)}`;
      return { type: 'message.taken', key, step, data: { text: content } };
    }),
  );
}

function withLine(state: AgentState, message: Exclude<AgentState['add'][number], string>): AgentState {
  return { ...state, add: [...state.add, message], tokens: state.tokens + estimatedTokensOf(message) };
}

function wrapUp(limit: AgentStop) {
  const why = WRAP_UP[limit as keyof typeof WRAP_UP];
  return { role: 'user' as const, content: `${why} Answer now with what you have, and say what is missing.` };
}

function withResults(state: AgentState, used: Used[]): AgentState {
  const failures = used.filter(({ call }) => call.error !== undefined).length;
  return {
    ...state,
    add: [...state.add, ...used.map(({ line }) => line)],
    tokens: state.tokens + used.reduce((sum, { tokens }) => sum + tokens, 0),
    toolCalls: [...state.toolCalls, ...used.map(({ call }) => call)],
    failed: failures === used.length ? state.failed + failures : 0,
    approved: [...new Set([...state.approved, ...used.flatMap(({ approved }) => approved ?? [])])],
    active: used.findLast(({ handedTo }) => handedTo !== undefined)?.handedTo ?? state.active,
  };
}

function isFull({ historyEvents = HISTORY_EVENTS }: AgentInput): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength >= historyEvents || hasNewerBuild();
}
