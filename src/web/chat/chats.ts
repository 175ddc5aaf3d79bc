import type { AgentInput, AgentResult, Message, RunInfo, RunPage } from '../../contract/index.ts';
import { problemOfError, request } from '../api/request.ts';
import { SILENCE } from './turns.ts';

/** With whom one talks: a model or policy, with tools or without, or an agent of the config. */
export interface Partner {
  model?: string;
  tools: string[];
  agent?: string;
}

const at = (id: string, what: string) => `/v1/runs/${encodeURIComponent(id)}/${what}`;

/** Begins a chat with its first message. @returns the id of its run */
export async function startChat({ model, tools, agent }: Partner, text: string): Promise<string> {
  const metadata = { title: titleOf(text), chat: true };
  if (agent !== undefined) {
    const path = `/v1/agents/${encodeURIComponent(agent)}/runs`;
    return (await request<RunInfo>(path, { method: 'POST', body: { task: text, metadata } })).id;
  }
  if (tools.length > 0) {
    const input: AgentInput = { task: text, tools, policy: model };
    return (await request<RunInfo>('/v1/runs', { method: 'POST', body: { pattern: 'agent', input, metadata } })).id;
  }
  const body = { pattern: 'conversation', input: { policy: model }, metadata };
  const { id } = await request<RunInfo>('/v1/runs', { method: 'POST', body });
  await say(id, text, messageId());
  return id;
}

/** Gives a conversation its next message; sent again under its id, it is answered once. */
export async function say(id: string, text: string, message: string): Promise<void> {
  await request(`${at(id, 'messages')}?wait=false`, { method: 'POST', body: { text, id: message } });
}

/** Gives an agent that is at work a message, which it reads at its next turn. @returns false where its run has ended */
export async function steer(id: string, text: string): Promise<boolean> {
  try {
    await request(at(id, 'messages'), { method: 'POST', body: { text } });
    return true;
  } catch (error) {
    if (problemOfError(error).status === 409) return false;
    throw error;
  }
}

/**
 * Goes on with an agent whose run has ended, however it did: a further run, which begins with all that was said.
 * @param chat the id of its first run @param last its newest run that is known here @param said in answer, see `saidIn`
 * @returns the run that comes next; `isNew`: it was asked this. Somebody else's was there first otherwise
 */
export async function askOn(
  chat: string,
  last: string,
  said: Message[],
  text: string,
): Promise<{ id: string; isNew: boolean }> {
  const [{ input }, { tenant, status }] = await Promise.all([
    request<{ input: AgentInput }>(at(last, 'input')),
    readRun(last),
  ]);
  const { task, messages, ...rest } = input;
  const before: Message[] = messages ?? [{ role: 'user', content: task! }];
  const answer = status === 'completed' && isSilence(said) ? await resultOf(last) : said;
  const next: Message[] = [...before, ...answer, { role: 'user', content: text }];
  const id = `${chat}.${placeIn(chat, last) + 1}`;
  const body = { pattern: 'agent', id, tenant, input: { ...rest, messages: next }, metadata: { chat } };
  return request<{ id: string; isNew: boolean }>('/v1/runs', { method: 'POST', body });
}

/** Its events are not kept for ever. */
async function resultOf(run: string): Promise<Message[]> {
  const { text } = await request<AgentResult>(at(run, 'result'));
  return [{ role: 'assistant', content: text || SILENCE }];
}

function isSilence(said: Message[]): boolean {
  return said.every(({ content }) => content === SILENCE);
}

/** The runs of an agent's chat that have a number: `<chat>.2`, `<chat>.3`. */
export async function runsOfChat(chat: string): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ pattern: 'agent', limit: '200', text: `${chat}.`, ...(cursor && { cursor }) });
    const page = await request<RunPage>(`/v1/runs?${query}`);
    found.push(...page.runs.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return found.filter((id) => placeIn(chat, id) > 1);
}

/** Runs of a chat, each once, in order. */
export function inOrder(chat: string, runs: string[]): string[] {
  return [...new Set(runs)].sort((one, other) => placeIn(chat, one) - placeIn(chat, other));
}

/** The how-manieth run of its chat it is; NaN where it is none of it. */
function placeIn(chat: string, run: string): number {
  if (run === chat) return 1;
  return run.startsWith(`${chat}.`) ? Number(run.slice(chat.length + 1)) : Number.NaN;
}

/** What a run of an agent was asked, last of all. */
export async function askedOf(id: string): Promise<string> {
  const { input } = await request<{ input: AgentInput }>(at(id, 'input'));
  if (input.task !== undefined) return input.task;
  const content = input.messages?.findLast(({ role }) => role === 'user')?.content ?? '';
  return typeof content === 'string'
    ? content
    : content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n');
}

export const readRun = (id: string) => request<RunInfo>(`/v1/runs/${encodeURIComponent(id)}`);

/** Chats of before, newest first. */
export async function recentChats(): Promise<RunInfo[]> {
  const lists = ['conversation', 'agent'].map((pattern) => request<RunPage>(`/v1/runs?pattern=${pattern}&limit=30`));
  const runs = (await Promise.all(lists)).flatMap((page) => page.runs);
  return runs
    .filter(({ metadata }) => metadata?.chat === undefined || metadata.chat === true)
    .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
}

/** The names of agents in the config. */
export async function knownAgents(): Promise<{ name: string; description?: string }[]> {
  return (await request<{ agents: { name: string; description?: string }[] }>('/v1/agents')).agents;
}

/** Stops the answer to one message of a conversation, or what an agent is at. */
export const stop = (id: string, step?: string) =>
  request(at(id, 'stop'), { method: 'POST', body: step === undefined ? {} : { step } });

/** What a person says to what a run asks. */
export const decide = (id: string, approval: string, decision: { approved: boolean; comment?: string }) =>
  request(at(id, `approvals/${encodeURIComponent(approval)}`), { method: 'POST', body: decision });

export function messageId(): string {
  return `message-${[...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length > 140 ? `${line.slice(0, 139)}…` : line;
}
