import type { CompareInput, Message, Part, RunInfo, RunInput, RunPage } from '../../contract/index.ts';
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
  judge?: CompareInput['judge'];
  merge?: CompareInput['merge'];
  /** what else belongs to a question that is asked again */
  kept?: Kept;
}

/** Of a comparison that was not begun here: what the page lets nobody write, and must not lose. */
export interface Kept extends Pick<CompareInput, 'system' | 'policy' | 'schema' | 'rubric' | 'judgeMode'> {
  /** what was said before the question */
  before: Message[];
  /** parts of the question that are neither its text nor images that are shown */
  parts: Part[];
}

/** Starts a comparison. @returns the id of its run */
export async function startComparison(draft: Draft): Promise<string> {
  const metadata = { title: titleOf(draft.prompt) };
  const body = { pattern: 'compare', input: inputOf(draft), metadata };
  const { id } = await request<RunInfo>('/v1/runs', { method: 'POST', body });
  return id;
}

function inputOf({ prompt, pictures, models, judge, merge, kept }: Draft): CompareInput {
  const { before = [], parts = [], policy, ...rest } = kept ?? {};
  const isPlain = before.length + parts.length + pictures.length === 0;
  const asked = isPlain ? { prompt } : { messages: [...before, questionWith(prompt, pictures, parts)] };
  return {
    ...rest,
    ...asked,
    models,
    policy: uncached(policy, models),
    ...(judge && { judge }),
    ...(merge && { merge }),
  };
}

/** Times and costs are compared too, so nobody answers from the cache; a policy of the config says that itself. */
function uncached(policy: CompareInput['policy'], models: string[]): CompareInput['policy'] {
  return typeof policy === 'string' ? policy : { ...policy, candidates: [models[0]!], cache: false };
}

function questionWith(prompt: string, pictures: Picture[], others: Part[]): Message {
  const images = pictures.map((picture) => ({ type: 'image' as const, ...picture }));
  return { role: 'user', content: [...others, ...images, { type: 'text', text: prompt }] };
}

/** What was asked, out of the input of a run: the person's last words, and what came before them. */
export function questionOf(input: CompareInput): Pick<Draft, 'prompt' | 'pictures'> & { kept: Kept } {
  const { prompt, messages = [], models, judge, merge, ...rest } = input;
  const last = messages.at(-1)?.role === 'user' ? messages.at(-1) : undefined;
  const before = last ? messages.slice(0, -1) : messages;
  const parts =
    typeof last?.content === 'string' ? [{ type: 'text' as const, text: last.content }] : (last?.content ?? []);
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  const pictures = parts.flatMap((part) => pictureOf(part) ?? []);
  const others = parts.filter((part) => part.type !== 'text' && !pictureOf(part));
  return { prompt: prompt ?? texts.join('\n\n'), pictures, kept: { ...rest, before, parts: others } };
}

/** The draft that asks the same again. */
export function draftOf(input: CompareInput): Draft {
  const { models, judge, merge } = input;
  return { ...questionOf(input), models, judge, merge };
}

function pictureOf(part: Part): Picture | undefined {
  if (part.type !== 'image' || !part.data || !part.mediaType) return undefined;
  return { data: part.data, mediaType: part.mediaType };
}

export function pictureAddress({ mediaType, data }: Picture): string {
  return `data:${mediaType};base64,${data}`;
}

const at = (id: string, what: string) => `/v1/runs/${encodeURIComponent(id)}/${what}`;

/** What a run was started with; of a comparison, a `CompareInput`. */
export const readInput = (id: string) => request<RunInput>(at(id, 'input'));

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
