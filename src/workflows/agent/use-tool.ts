import {
  type AgentInput,
  type Message,
  shortened,
  suggestion,
  type ToolCallPart,
  type ToolFacts,
} from '../../contract/index.ts';
import { record } from '../run.ts';
import { stepId } from '../step-id.ts';
import { approval } from '../steps/approval.ts';
import type { AgentInbox } from './inbox.ts';
import { type OwnTools, ranOwn } from './own-tools.ts';
import { type Permitting, permitted } from './permission.ts';
import { runTool } from './run-tool.ts';
import { handedTo } from './team.ts';
import { failed, said, type Used } from './tool-line.ts';

export interface UsingTools extends Permitting {
  input: AgentInput;
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
  if (facts.kind === 'worker') return { ...(await runTool(call, step, facts, using)), ...approved };
  return { ...(await answered(call, step, facts, using)), ...approved };
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

/** The step of a tool call: `agent/web_search`, numbered from the second on. */
export function toolStep(agent: string, { name }: ToolCallPart): string {
  return stepId(`${agent}/${name.replace(/[^\w.-]/g, '_')}`);
}

function textOf(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result, null, 1);
}

function textIn({ content }: Message): string {
  return typeof content === 'string'
    ? content
    : content.map((part) => ('content' in part ? part.content : '')).join('');
}
