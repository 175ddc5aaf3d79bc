import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { estimateInput } from '../../src/providers/index.ts';
import { type MockProvider, mockProvider, promptOf } from './mock-provider.ts';

/** One request of a conversation, as the provider saw and billed it. */
export interface Billed {
  /** what the user said last */
  prompt: string;
  system: string;
  /** texts of all messages but the system's, in order */
  messages: string[];
  /** tokens as this provider counts them */
  tokens: number;
  isSummary: boolean;
}

export interface ConversationProvider extends MockProvider {
  billed: Billed[];
  /** tokens of messages as this provider counts them */
  tokensOf(messages: string[]): number;
}

/**
 * A provider that remembers what it was sent, and bills tokens in a way of its own: so many for each that o200k counts.
 * To `message <n> ...` it answers `answer <n> ...`; a summary tells the numbers of the messages it is of, and those of
 * the summary before.
 */
export async function conversationProvider({ ratio = 1.3 } = {}): Promise<ConversationProvider> {
  const billed: Billed[] = [];
  const provider = await mockProvider((request) => {
    const asked = billedOf(request, ratio);
    billed.push(asked);
    const content = asked.isSummary ? summaryOf(asked) : answerTo(asked.prompt);
    return { content, usage: usageOf(asked.tokens, content) };
  });
  return Object.assign(provider, {
    billed,
    tokensOf: (messages: string[]) => Math.ceil(estimated('', messages) * ratio),
  });
}

function billedOf(request: ChatCompletionRequest, ratio: number): Billed {
  const texts = request.messages.map(({ role, content }) => ({
    role,
    text: typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join(''),
  }));
  const messages = texts.filter(({ role }) => role !== 'system').map(({ text }) => text);
  const system = texts.flatMap(({ role, text }) => (role === 'system' ? [text] : [])).join('\n');
  const prompt = promptOf(request);
  const isSummary = prompt.startsWith('Write a summary');
  return { prompt, system, messages, tokens: Math.ceil(estimated(system, messages) * ratio), isSummary };
}

function estimated(system: string, messages: string[]): number {
  return estimateInput({ system, messages: messages.map((content) => ({ role: 'user', content })) });
}

const WORDS = 'the river bends because the outer bank is worn away while sand settles on the inner one'.split(' ');

/** Some words more or less from turn to turn, always the same for the same number. */
export function wordsFor(n: number): string {
  return Array.from({ length: 8 + (n % 5) * 6 }, (_, index) => WORDS[(n + index) % WORDS.length]).join(' ');
}

export function answerTo(prompt: string): string {
  const n = Number(/message (\d+)/.exec(prompt)?.[1] ?? 0);
  return `answer ${n} ${wordsFor(n + 3)}`;
}

function summaryOf({ system, messages }: Billed): string {
  const older = Number(/kept 0 to (\d+)/.exec(system)?.[1] ?? -1);
  const numbers = messages.flatMap((text) => [...text.matchAll(/^message (\d+)/g)].map(([, n]) => Number(n)));
  const follows = numbers[0] === older + 1 && numbers.every((n, index) => n === numbers[0]! + index);
  return follows ? `kept 0 to ${numbers.at(-1)}` : `lost something between ${older} and ${numbers.join(', ')}`;
}

function usageOf(input: number, output: string) {
  const [given, told] = [input, Math.ceil(output.length / 4)];
  return {
    ...{ prompt_tokens: given, completion_tokens: told },
    ...{ input_tokens: given, output_tokens: told },
    ...{ promptTokenCount: given, candidatesTokenCount: told, totalTokenCount: given + told },
  };
}
