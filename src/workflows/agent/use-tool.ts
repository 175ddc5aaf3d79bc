import { ActivityCancellationType, sleep } from '@temporalio/workflow';
import {
  type AgentInput,
  type CallError,
  type Message,
  shortened,
  suggestion,
  type ToolActivities,
  type ToolCall,
  type ToolCallPart,
  type ToolDone,
  type ToolFacts,
  toolSummary,
  type UsedToolCall,
} from '../../contract/index.ts';
import { chainOfToolCall } from '../fork.ts';
import { host } from '../host.ts';
import { currentRun, note, record, totalUsd } from '../run.ts';
import { stepId } from '../step-id.ts';
import { approval } from '../steps/approval.ts';
import type { AgentInbox } from './inbox.ts';
import { type OwnTools, ranOwn } from './own-tools.ts';
import type { AgentState } from './state.ts';
import { handedTo } from './team.ts';

/** A worker that has not been heard of for so long is dead, ms. */
const HEARTBEAT_TIMEOUT_MS = 8_000;
/** Attempts lost with their workers before a call is given up. */
const LOST_WORKERS = 200;
/** A tool ends by its own clock; what is left is its result, which waits for PostgreSQL. */
const LONGEST_CALL = '30 days';
/** Shortest and longest wait before a tool that goes on elsewhere is looked at again, ms. */
const POLL = { least: 100, most: 10 * 60_000 };

/** A tool call that is over: the line that tells the model, and what becomes of the agent. */
export interface Used {
  line: string | Message;
  tokens: number;
  call: UsedToolCall;
  approved?: string;
  handedTo?: string;
}

export interface UsingTools {
  input: AgentInput;
  state: AgentState;
  inbox: AgentInbox;
  /** whose call it is, as the journal knows it */
  agent: string;
  /** tools that the workflow does itself */
  own?: OwnTools;
}

/**
 * Uses a tool a model asked for.
 *
 *   call --known?--> (person approves, may change the arguments) --> activity | client | person --> line for the model
 *
 * Whatever goes wrong is told to the model; only cancellation throws.
 */
export async function useTool(asked: ToolCallPart, step: string, using: UsingTools): Promise<Used> {
  const { input, state } = using;
  const to = handedTo(input, state.active, asked.name);
  if (to !== undefined)
    return { ...said(asked, step, `You are ${to} from now on. Go on with the task.`), handedTo: to };
  const { tools } = state.team[state.active]!.toolset!;
  const facts = tools.find(({ name }) => name === asked.name);
  if (!facts) {
    const known = suggestion(
      asked.name,
      tools.map(({ name }) => name),
    );
    return failed(asked, step, { type: 'InvalidRequest', message: `There is no tool named "${asked.name}".${known}` });
  }
  const allowed = await permitted(asked, step, facts, using);
  if ('problem' in allowed) return failed(asked, step, allowed.problem);
  const call = { ...asked, arguments: allowed.arguments };
  const approved = facts.approval === 'once' ? { approved: facts.name } : {};
  if (facts.kind === 'worker') return { ...(await ran(call, step, facts, using)), ...approved };
  return { ...(await answered(call, step, facts, using)), ...approved };
}

/** Asks a person, where the tool or its use wants that. */
async function permitted(
  asked: ToolCallPart,
  step: string,
  facts: ToolFacts,
  { state }: UsingTools,
): Promise<{ arguments: Record<string, unknown> } | { problem: CallError }> {
  const { name, approval: rule, approvers, patience } = facts;
  const { arguments: args } = asked;
  if (rule === 'never' || (rule === 'once' && state.approved.includes(name))) return { arguments: args };
  const { problem, needsApproval } = await reviewing(step).reviewTool(name, args);
  if (problem !== undefined)
    return { problem: { type: 'InvalidRequest', message: `The arguments do not fit: ${problem}` } };
  if (rule === 'depends' && !needsApproval) return { arguments: args };
  const decision = await approval({
    step: `${step}/approve`,
    show: { tool: name, arguments: args, agent: state.active, costUsd: Number(totalUsd().toFixed(6)) },
    approvers,
    patience,
  });
  if (decision.approved) return { arguments: decision.arguments ?? args };
  const by = decision.expired ? 'Nobody answered in time' : `${decision.by ?? 'A person'} said no`;
  const comment = decision.comment === undefined ? '' : `: ${decision.comment}`;
  return { problem: { type: 'ToolDenied', message: `${name} was not allowed. ${by}${comment}` } };
}

async function ran(asked: ToolCallPart, step: string, facts: ToolFacts, using: UsingTools): Promise<Used> {
  const { state, agent } = using;
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
      await host().nonCancellable(() => running(`${title} · abandoned`).abandonTool({ ...call, resume: resumed }));
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

/** Waits for whoever does the work of a tool that no worker does: this workflow, a client, or a person who is asked. */
async function answered(
  asked: ToolCallPart,
  step: string,
  facts: ToolFacts,
  { inbox, state, own = {} }: UsingTools,
): Promise<Used> {
  const { kind, patience, approvers } = facts;
  const event = { tool: asked.name, id: asked.id };
  const mine = own[asked.name];
  const by = mine ? 'workflow' : kind;
  const started = { ...event, agent: state.active, arguments: asked.arguments, by };
  await record([{ type: 'tool.started', key: `tool.started:${step}`, step, data: started }]);
  const given = mine
    ? await ranOwn(mine, asked.arguments, step)
    : kind === 'person'
      ? await personSays(asked, step, facts)
      : await inbox.resultOf(asked.id, patience);
  const used = !given
    ? failed(asked, step, { type: 'Timeout', message: `Nobody gave a result of ${asked.name} in time` })
    : given.error !== undefined
      ? failed(asked, step, { type: 'ToolFailed', message: given.error })
      : said(asked, step, textOf(given.result));
  const shown = shortened(textIn(used.line as Message), 2_000);
  const data = {
    ...event,
    result: shown,
    ...(used.call.error && { error: { type: used.call.error, message: shown } }),
  };
  await record([{ type: 'tool.completed', key: `tool.completed:${step}`, step, data }]);
  return used;

  async function personSays(question: ToolCallPart, at: string, { name }: ToolFacts) {
    const { approved, comment, by, expired } = await approval({
      step: `${at}/answer`,
      show: { question: question.arguments.question ?? question.arguments, tool: name },
      approvers,
      patience,
    });
    if (expired) return undefined;
    const who = by ?? 'The person';
    return approved || comment !== undefined
      ? { result: `${who} says: ${comment ?? 'yes'}`, error: undefined }
      : { result: `${who} says: no`, error: undefined };
  }
}

function said({ id, name }: ToolCallPart, step: string, content: string, error?: CallError): Used {
  const result = { type: 'toolResult' as const, id, name, content, ...(error && { isError: true }) };
  return {
    line: { role: 'tool', content: [result] },
    tokens: Math.ceil(content.length / 4),
    call: { id, tool: name, step, ...(error && { error: error.type }) },
  };
}

function failed(asked: ToolCallPart, step: string, error: CallError): Used {
  return said(asked, step, `${error.type}: ${error.message}`, error);
}

function usedOf({ id, name }: ToolCallPart, step: string, { error, interrupted }: ToolDone): UsedToolCall {
  return { id, tool: name, step, ...(error && { error: error.type }), ...(interrupted && { interrupted }) };
}

function textOf(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result, null, 1);
}

function textIn({ content }: Message): string {
  return typeof content === 'string'
    ? content
    : content.map((part) => ('content' in part ? part.content : '')).join('');
}

/** The step of a tool call: `agent/web_search`, numbered from the second on. */
export function toolStep(agent: string, { name }: ToolCallPart): string {
  return stepId(`${agent}/${name.replace(/[^\w.-]/g, '_')}`);
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

function reviewing(summary: string): Pick<ToolActivities, 'reviewTool'> {
  return host().proxyLocalActivities<ToolActivities>({
    summary,
    startToCloseTimeout: '1 minute',
    retry: { maximumAttempts: 5 },
  });
}
