import { createHash } from 'node:crypto';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../../test/setup/mock-provider.ts';

/** The run a request belongs to, which every text of it names. */
export const MARKER = /storm-[a-z-]+-\d{4}/;
/** The request a text answers: the first digits of its hash. */
export const ANSWERED = /#([0-9a-f]{12})/;

/** What a model's answer is worth to judges, which see no names: so the verdict does not depend on their order. */
const WORTH: Record<string, number> = { 'gpt-6-sol': 2, 'claude-sonnet-5-5': 3, 'gemini-3.8-flash': 1 };

export interface StormProvider {
  env: Record<string, string>;
  /** when each request for an answer came, ms since 1970, by what `ANSWERED` finds in the answers */
  arrivals: Map<string, number[]>;
  /** requests for vectors, by the marker in their texts */
  embeddings: Map<string, number>;
  stop(): Promise<void>;
}

/** Answers the same request in the same words whenever it comes, piece by piece, and notes when it came. */
export async function stormProvider(pieceMs: number): Promise<StormProvider> {
  const arrivals: StormProvider['arrivals'] = new Map();
  const embeddings: StormProvider['embeddings'] = new Map();
  const provider: MockProvider = await mockProvider(
    (request) => {
      const hash = hashOf(request);
      arrivals.set(hash, [...(arrivals.get(hash) ?? []), Date.now()]);
      return { ...answerTo(request, `#${hash}`), usage: USAGE } as FixtureResponse;
    },
    { latency: pieceMs, chunkSize: 24 },
  );
  provider.first(
    ({ embeddingInput }) => {
      if (embeddingInput === undefined) return false;
      const marker = MARKER.exec(JSON.stringify(embeddingInput))?.[0] ?? 'none';
      embeddings.set(marker, (embeddings.get(marker) ?? 0) + 1);
      return false;
    },
    () => ({ content: '' }),
  );
  return { env: provider.env, arrivals, embeddings, stop: provider.stop };
}

function hashOf({ model, messages }: ChatCompletionRequest): string {
  return createHash('sha256')
    .update(JSON.stringify([model, messages]))
    .digest('hex')
    .slice(0, 12);
}

/** What the marker says the run is, decides what is said. */
function answerTo(request: ChatCompletionRequest, hash: string): object {
  const text = JSON.stringify(request.messages);
  const marker = MARKER.exec(text)?.[0] ?? 'nobody';
  const say = (content: unknown) => ({ content: typeof content === 'string' ? content : JSON.stringify(content) });
  const use = (name: string, args: object) => ({ toolCalls: [{ name, arguments: JSON.stringify(args) }] });
  const used = request.messages.filter(({ role }) => role === 'tool').length;
  const words = `${hash} answers ${marker} in some words that take a while to say. Worth ${WORTH[request.model] ?? 2}.`;
  switch (marker.slice('storm-'.length, -'-0000'.length)) {
    case 'agent':
      return ['look_up', 'pay'][used] ? use(['look_up', 'pay'][used]!, { what: `${marker} ${hash}` }) : say(words);
    case 'answer':
      return say({
        found: true,
        answer: `They bend, says ${hash} [1].`,
        quotes: [{ passage: 1, quote: 'Rivers bend' }],
      });
    case 'best-of':
    case 'compare':
    case 'council':
      return text.includes('[A] Answer of') || !text.includes('Answer A')
        ? say(words)
        : say(judged(text, marker, hash));
    case 'crew':
      return promptOf(request).includes('delegate_work') && used === 0
        ? use('delegate_work', { coworker: 'writer', task: `Do ${marker} ${hash}` })
        : say(words);
    case 'debate':
      return say(debated(text, hash));
    case 'plan':
      return planned(text, marker, used, hash);
    default:
      return say(words);
  }

  function planned(asked: string, goal: string, calls: number, by: string): object {
    if (asked.includes('You plan how a goal is reached')) {
      const step = (id: string, what: string, needs: string[]) => ({ id, what, tools: ['look_up'], needs });
      const steps = [step('first', `WORK ${goal} ${by}`, []), step('second', `BREAK ${goal} ${by}`, ['first'])];
      return say({
        steps: asked.includes('An earlier plan was begun') ? [step('other', `WORK ${goal} ${by}`, ['first'])] : steps,
      });
    }
    if (asked.includes('A plan for a goal was carried out')) return say(words);
    if (asked.includes('Your step: BREAK')) return say({ result: `It is broken, ${by}.`, done: false });
    return calls > 0 ? say({ result: `It is done, ${by}.`, done: true }) : use('look_up', { what: `${goal} ${by}` });
  }
}

/** Judges give marks, members of a council give places: both by what an answer says it is worth. */
function judged(text: string, marker: string, hash: string): object {
  const found = [...text.matchAll(/Answer (\w):?(?:(?!Answer \w).)*?Worth (\d)/g)].map(([, letter, worth]) => ({
    letter: letter!,
    worth: Number(worth),
  }));
  if (marker.startsWith('storm-council')) {
    const place = (worth: number) => 1 + found.filter((other) => other.worth > worth).length;
    return Object.fromEntries(found.map(({ letter, worth }) => [letter, { comment: hash, rank: place(worth) }]));
  }
  const isOneModel = marker.startsWith('storm-best-of');
  const marks = found.map(({ letter, worth }) => [letter, { reason: hash, score: isOneModel ? 0.5 : worth / 10 }]);
  return { answers: Object.fromEntries(marks), reason: `By worth, ${hash}` };
}

/** Everybody stays with what they said first. */
function debated(text: string, hash: string): object {
  const [, letter = 'A'] = /You are debater (\w)/.exec(text) ?? [];
  const mark = { reason: hash, score: 0.5 };
  if (text.includes('You judge a debate'))
    return { debaters: { A: mark, B: mark }, reason: hash, answer: `Tea, ${hash}.` };
  if (text.includes('differ in substance')) return { reason: hash, differ: true };
  return { argument: `${letter} argues, ${hash}.`, position: letter };
}
