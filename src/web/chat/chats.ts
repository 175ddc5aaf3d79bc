import type { AgentInput, AgentResult, Message, RunInfo, RunPage } from '../../contract/index.ts';
import { request } from '../api/request.ts';

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

/** Gives an agent that is at work a message, which it reads at its next turn. */
export async function steer(id: string, text: string): Promise<void> {
  await request(at(id, 'messages'), { method: 'POST', body: { text } });
}

/**
 * Goes on with an agent that has ended: a further run, which begins with all that was said, and is named after the first.
 * @param runs those of the chat so far, in order
 */
export async function askOn(runs: string[], text: string): Promise<string> {
  const last = runs.at(-1)!;
  const [{ input }, result] = await Promise.all([
    request<{ input: AgentInput }>(at(last, 'input')),
    request<AgentResult>(at(last, 'result')),
  ]);
  const { task, messages, ...rest } = input;
  const before: Message[] = messages ?? [{ role: 'user', content: task! }];
  const next: Message[] = [
    ...before,
    { role: 'assistant', content: result.text || '…' },
    { role: 'user', content: text },
  ];
  const id = `${runs[0]}.${runs.length + 1}`;
  const metadata = { chat: runs[0] };
  const body = { pattern: 'agent', id, input: { ...rest, messages: next }, metadata };
  return (await request<RunInfo>('/v1/runs', { method: 'POST', body })).id;
}

/** The runs of an agent's chat, in order. */
export async function runsOfChat(id: string): Promise<string[]> {
  const { runs } = await request<RunPage>(`/v1/runs?pattern=agent&limit=200&text=${encodeURIComponent(`${id}.`)}`);
  const numbered = runs.flatMap((run) => (run.id.startsWith(`${id}.`) ? [run.id] : []));
  const number = (one: string) => Number(one.slice(id.length + 1));
  return [id, ...numbered.filter((one) => number(one) > 0).sort((a, b) => number(a) - number(b))];
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
