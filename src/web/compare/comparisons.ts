import type { CompareInput, Message, RunInfo, RunPage } from '../../contract/index.ts';
import { request } from '../api/request.ts';

export const MOST_MODELS = 6;

/** An image that goes with a question, as base64. */
export interface Picture {
  mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
  data: string;
}

export interface Draft {
  prompt: string;
  pictures: Picture[];
  models: string[];
  judge?: string;
  merge?: string;
}

/** Starts a comparison. @returns the id of its run */
export async function startComparison(draft: Draft): Promise<string> {
  const metadata = { title: titleOf(draft.prompt) };
  const body = { pattern: 'compare', input: inputOf(draft), metadata };
  const { id } = await request<RunInfo>('/v1/runs', { method: 'POST', body });
  return id;
}

function inputOf({ prompt, pictures, models, judge, merge }: Draft): CompareInput {
  const asked = pictures.length === 0 ? { prompt } : { messages: [questionWith(prompt, pictures)] };
  // Times and costs are compared too, so nobody answers from the cache.
  const policy = { candidates: [models[0]!], cache: false as const };
  return { ...asked, models, policy, ...(judge && { judge }), ...(merge && { merge }) };
}

function questionWith(prompt: string, pictures: Picture[]): Message {
  return {
    role: 'user',
    content: [...pictures.map((picture) => ({ type: 'image' as const, ...picture })), { type: 'text', text: prompt }],
  };
}

/** What was asked, out of the input of a run. */
export function questionOf({ prompt, messages = [] }: CompareInput): Pick<Draft, 'prompt' | 'pictures'> {
  if (prompt !== undefined) return { prompt, pictures: [] };
  const parts = messages.flatMap(({ content }) =>
    typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content,
  );
  const pictures = parts.flatMap((part) =>
    part.type === 'image' && part.data && part.mediaType ? [{ data: part.data, mediaType: part.mediaType }] : [],
  );
  return { prompt: parts.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n\n'), pictures };
}

export function pictureAddress({ mediaType, data }: Picture): string {
  return `data:${mediaType};base64,${data}`;
}

const at = (id: string, what: string) => `/v1/runs/${encodeURIComponent(id)}/${what}`;

/** What a comparison was started with. */
export async function readInput(id: string): Promise<CompareInput> {
  return (await request<{ input: CompareInput }>(at(id, 'input'))).input;
}

export async function recentComparisons(): Promise<RunInfo[]> {
  return (await request<RunPage>('/v1/runs?pattern=compare&limit=24')).runs;
}

export const stopAll = (id: string) => request<unknown>(at(id, 'cancel'), { method: 'POST' });

export const stopOne = (id: string, model: string) =>
  request<unknown>(at(id, 'stop'), { method: 'POST', body: { step: model } });

/** Asks one model again; all others keep their answers, for free. @returns the id of the new run */
export async function askAgain(id: string, model: string): Promise<string> {
  const body = { fromStep: model, only: true };
  return (await request<RunInfo>(at(id, 'fork'), { method: 'POST', body })).id;
}

/** The same answers, judged or merged. @param models those that answered @returns the id of the new run */
export async function goOnWith(
  id: string,
  input: Partial<Pick<CompareInput, 'judge' | 'merge' | 'models'>>,
): Promise<string> {
  return (await request<RunInfo>(at(id, 'fork'), { method: 'POST', body: { overrides: { input } } })).id;
}

/** Which answer people found best: how many, by model, and the one who asks. */
export interface Votes {
  votes: Record<string, number>;
  yours?: string;
}

export const readVotes = (id: string) => request<Votes>(at(id, 'votes'));

export const vote = (id: string, best: string | null) =>
  request<Votes>(at(id, 'votes'), { method: 'PUT', body: { best } });

function titleOf(prompt: string): string {
  const line = prompt.trim().replace(/\s+/g, ' ');
  return line.length > 140 ? `${line.slice(0, 139)}…` : line;
}
