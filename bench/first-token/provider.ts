import { setTimeout as delay } from 'node:timers/promises';
import { type ChatCompletionRequest, LLMock } from '@copilotkit/aimock';

/**
 * The provider all contenders ask, in a process of its own. It answers at once and in few pieces, but:
 * - `stream ...` with 50 tokens of ten characters, one every 20 ms;
 * - `crash <run> <step> ...` it also tells its parent, and keeps the first that asks for step 2 waiting.
 */
const HELD_MS = 20_000;
const ANSWER = { content: 'Rivers bend because they can.' };
const TOKENS = Array.from({ length: 50 }, (_, index) => `token ${String(index).padStart(3, '0')} `).join('');

const mock = new LLMock({ port: 0, journalMaxEntries: 1 });
const promptOf = ({ messages }: ChatCompletionRequest) => String(messages.at(-1)?.content);
const begins = (word: string) => ({
  predicate: (request: ChatCompletionRequest) => promptOf(request).startsWith(word),
});
const held = new Set<string>();

mock.on(begins('stream '), { content: TOKENS }, { chunkSize: 10, streamingProfile: { ttft: 0, tps: 50 } });
mock.on(begins('crash '), async (request) => {
  const [, run, step] = promptOf(request).split(' ');
  process.send?.({ run, step });
  if (step === '2' && !held.has(run!)) {
    held.add(run!);
    await delay(HELD_MS);
  }
  return ANSWER;
});
mock.on({ predicate: () => true }, ANSWER, { chunkSize: 10 });
process.send?.({ url: await mock.start() });
process.on('disconnect', () => process.exit(0));
