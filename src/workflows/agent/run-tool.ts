import { ActivityCancellationType, sleep } from '@temporalio/workflow';
import {
  shortened,
  type ToolActivities,
  type ToolCall,
  type ToolCallPart,
  type ToolDone,
  type ToolFacts,
  toolSummary,
} from '../../contract/index.ts';
import { chainOfToolCall } from '../fork.ts';
import { host } from '../host.ts';
import { currentRun, note } from '../run.ts';
import { approval } from '../steps/approval.ts';
import type { AgentState } from './state.ts';
import { said, type Used, usedOf } from './tool-line.ts';

/** A worker that has not been heard of for so long is dead, ms. */
const HEARTBEAT_TIMEOUT_MS = 8_000;
/** Attempts lost with their workers before a call is given up. */
const LOST_WORKERS = 200;
/** A tool ends by its own clock; what is left is its result, which waits for PostgreSQL. */
const LONGEST_CALL = '30 days';
/** Shortest and longest wait before a tool that goes on elsewhere is looked at again, ms. */
const POLL = { least: 100, most: 10 * 60_000 };

/**
 * Runs a tool as an activity, for as long as it takes.
 *
 *   callTool --> result | it goes on elsewhere --> timer --> callTool ... | it asks --> a person answers --> callTool ...
 *
 * @param agent whose call it is, as the journal knows it
 */
export async function runTool(
  asked: ToolCallPart,
  step: string,
  facts: ToolFacts,
  { state, agent }: { state: AgentState; agent: string },
): Promise<Used> {
  const { replay, reach, timeoutMs } = facts;
  const call: ToolCall = {
    run: currentRun().ref,
    journal: chainOfToolCall(state.askedIn!),
    ...{ step, agent, by: state.active, turn: state.steps, id: asked.id, tool: asked.name, arguments: asked.arguments },
    ...{ replay, reach, timeoutMs: Math.min(timeoutMs, Number.MAX_SAFE_INTEGER) },
    tools: state.team[state.active]!.toolset!.tools.map(({ name }) => name),
  };
  const title = toolSummary(asked.name, asked.arguments, state.active, facts.telling);
  const activity = running(title);
  let outcome = await activity.callTool(call);
  while (!('kept' in outcome)) {
    const resumed = 'wait' in outcome ? outcome.wait : outcome.ask;
    try {
      outcome = await activity.callTool({ ...call, resume: await answerFor(outcome, title, step) });
    } catch (thrown) {
      await abandoned({ ...call, resume: resumed }, title);
      throw thrown;
    }
  }
  note(`${step}: ${title}${outcome.error ? `, ${outcome.error.type}` : outcome.interrupted ? ', interrupted' : ''}`);
  return outcome.interrupted && facts.onInterrupted === 'ask'
    ? clarified(asked, step, outcome, facts)
    : { line: outcome.kept.hash, tokens: outcome.kept.tokens, call: usedOf(asked, step, outcome) };
}

/** Waits as long as the tool says, or for what a person says. */
async function answerFor(
  outcome: Exclude<Awaited<ReturnType<ToolActivities['callTool']>>, ToolDone>,
  title: string,
  step: string,
): Promise<NonNullable<ToolCall['resume']>> {
  if ('wait' in outcome) {
    const { state, pollMs, message } = outcome.wait;
    const ms = Math.min(POLL.most, Math.max(POLL.least, pollMs));
    await sleep(ms, { summary: shortened(`${title} · ${message ?? 'goes on elsewhere'}`, 200) });
    return { state };
  }
  const { state, message, schema } = outcome.ask;
  const { approved, arguments: content } = await approval({ step: `${step}/ask`, show: { question: message, schema } });
  return { state, answer: { accepted: approved, ...(content && { content }) } };
}

/** Asks a person what became of a call that nobody knows about. */
async function clarified(asked: ToolCallPart, step: string, outcome: ToolDone, facts: ToolFacts): Promise<Used> {
  const { approved, comment, expired } = await approval({
    step: `${step}/clarify`,
    show: {
      question: `The process that ran ${asked.name} was lost. Was it done?`,
      tool: asked.name,
      arguments: asked.arguments,
    },
    approvers: facts.approvers,
    patience: facts.patience,
  });
  if (expired) return { line: outcome.kept.hash, tokens: outcome.kept.tokens, call: usedOf(asked, step, outcome) };
  const known = approved ? 'it was done' : 'it was not done';
  const text = `The process that ran this tool was lost. A person looked: ${known}${comment === undefined ? '.' : `: ${comment}`}`;
  return { ...said(asked, step, text), call: usedOf(asked, step, outcome) };
}

function running(summary: string): ToolActivities {
  return host().proxyActivities<ToolActivities>({
    summary,
    startToCloseTimeout: LONGEST_CALL,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: 500, maximumInterval: 30_000, maximumAttempts: LOST_WORKERS },
  });
}

/** Whoever goes on with the call elsewhere is told, if they can be: nobody waits for that for long. */
async function abandoned(call: ToolCall, title: string): Promise<void> {
  const { abandonTool } = host().proxyActivities<ToolActivities>({
    summary: `${title} · abandoned`,
    startToCloseTimeout: '15 seconds',
    scheduleToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 3 },
  });
  await host().nonCancellable(() => abandonTool(call).catch(() => {}));
}
