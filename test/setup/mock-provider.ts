import { type ChatCompletionRequest, type FixtureOpts, type FixtureResponse, LLMock } from '@copilotkit/aimock';

export type Reply = (request: ChatCompletionRequest) => FixtureResponse | Promise<FixtureResponse>;

/** A provider on this machine that speaks OpenAI, Anthropic and Gemini over HTTP, and remembers what it was asked. */
export interface MockProvider {
  /** the environment under which Cadenza asks it instead of the real ones */
  env: Record<string, string>;
  /** how many requests (of a model, if given) held the text */
  asked(text: string, model?: string): number;
  /** all requests so far: the model asked, when (ms since 1970), and what was answered (HTTP status) */
  requests(): { model: string; at: number; status: number; text: string }[];
  /** called with the next request, before it is answered */
  onRequest(notice: () => void): void;
  /** answers requests that match before all others, with its own pace or failure */
  first(match: (request: ChatCompletionRequest) => boolean, reply: Reply, opts?: FixtureOpts): void;
  stop(): Promise<void>;
}

/** Keys as the tests give them; no other place may ever show them. */
export const TEST_KEYS = {
  OPENAI_API_KEY: 'sk-test-openai-4f9a1c77e2',
  ANTHROPIC_API_KEY: 'sk-ant-test-8b21d0c4aa',
  GEMINI_API_KEY: 'AIza-test-6e5d4c3b2a',
};

export async function mockProvider(reply: Reply = echo, opts: FixtureOpts = {}): Promise<MockProvider> {
  const mock = new LLMock({ port: 0, journalMaxEntries: 0 });
  let notice: (() => void) | undefined;
  const noticed: Reply = (request) => {
    notice?.();
    notice = undefined;
    return request.embeddingInput === undefined ? reply(request) : { embedding: EMBEDDING };
  };
  mock.on({ predicate: () => true }, noticed, opts);
  const url = await mock.start();
  const requests = () =>
    mock.getRequests().map((entry) => {
      const body = JSON.stringify(entry.body ?? {});
      const model = (entry.body as { model?: string } | null)?.model ?? /models\/([^:]+)/.exec(entry.path)?.[1] ?? '';
      return { model, at: entry.timestamp, status: entry.response.status, text: body };
    });
  return {
    env: { ...TEST_KEYS, OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url, GEMINI_BASE_URL: url },
    requests,
    asked: (text, model) =>
      requests().filter((one) => one.text.includes(text) && (!model || one.model === model)).length,
    first(match, given, own = {}) {
      mock.prependFixture({ match: { predicate: match }, response: given, ...own });
    },
    onRequest(next) {
      notice = next;
    },
    stop: () => mock.stop(),
  };
}

/** The last thing the user said. */
export function promptOf(request: ChatCompletionRequest): string {
  const content = request.messages.findLast((message) => message.role === 'user')?.content ?? '';
  return typeof content === 'string' ? content : content!.map((part) => part.text ?? '').join('');
}

/** Answers `answer to: <prompt>`: what a run must end with is known beforehand. */
export function echo(request: ChatCompletionRequest): FixtureResponse {
  return { content: `answer to: ${promptOf(request)}`, usage: USAGE };
}

/** The vector of every text. */
export const EMBEDDING = [0.25, -0.5, 0.75];

/** 20 tokens in, 10 out, in each provider's own words. */
export const USAGE = {
  ...{ prompt_tokens: 20, completion_tokens: 10 },
  ...{ input_tokens: 20, output_tokens: 10 },
  ...{ promptTokenCount: 20, candidatesTokenCount: 10, totalTokenCount: 30 },
};

export function failWith(status: number, message: string, retryAfter?: number): Reply {
  return () => ({ status, error: { message, type: 'server_error' }, ...(retryAfter ? { retryAfter } : {}) });
}
