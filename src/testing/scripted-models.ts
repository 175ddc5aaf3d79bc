import { type ChatCompletionRequest, type FixtureResponse, LLMock, type Mountable } from '@copilotkit/aimock';
import type { Config, ProviderConfig } from '../config/index.ts';
import { wordVector } from '../providers/index.ts';

/** What a scripted model says. */
export type ScriptedAnswer =
  | string
  | {
      text?: string;
      /** said as JSON, for steps that want an object; instead of `text` */
      object?: unknown;
      /** tools the model asks for */
      toolCalls?: { name: string; arguments: object }[];
      /** tokens the answer is billed with; 20 in and 10 out when left out */
      usage?: { inputTokens: number; outputTokens: number };
    }
  | {
      /** what the provider answers instead: an HTTP status and, where it says so, when to come again */
      error: { status: number; message?: string; retryAfterSeconds?: number };
    };

/** What a scripted model was asked. */
export interface AskedModel {
  /** `provider/model` */
  model: string;
  /** the last thing the user said */
  prompt: string;
  system: string;
  messages: { role: string; text: string }[];
  /** names of the tools it was given */
  tools: string[];
}

/** One line of a script: whom it is for, and what is answered. Left out, `model` and `prompt` fit everything. */
export interface ScriptedModel {
  /** `provider/model`, `provider`, or a pattern */
  model?: string | RegExp;
  /** the prompt, where the string is in it, the pattern fits, or the function says so */
  prompt?: string | RegExp | ((asked: AskedModel) => boolean);
  /** several are given one after the other, and the last one from then on */
  answer: ScriptedAnswer | ScriptedAnswer[] | ((asked: AskedModel) => ScriptedAnswer | Promise<ScriptedAnswer>);
  /** how it streams, ms between pieces of some words; at once when left out */
  paceMs?: number;
}

/** Providers on this machine that answer as a script says: Cadenza asks them as it asks real ones, by their SDKs over HTTP. */
export interface ScriptedModels {
  /** Lines that count before all earlier ones. */
  script(lines: ScriptedModel[]): void;
  /** What models were asked so far, in order: all, or those calls a line with this model and prompt would fit. */
  asked(which?: Pick<ScriptedModel, 'model' | 'prompt'>): AskedModel[];
  /** Forgets the script, and what was asked. */
  reset(): void;
  /** the variables under which providers of the environment are these */
  env: Record<string, string>;
  /** those of the config, with their addresses here */
  providers: Config['providers'];
  stop(): Promise<void>;
}

/** A key of nobody. Long, because what a worker's environment holds is blacked out wherever it shows up. */
const KEY = 'no-key-scripted-models-need-none';
const VARIABLES = { openai: 'OPENAI', anthropic: 'ANTHROPIC', gemini: 'GEMINI' } as const;
const USAGE = { inputTokens: 20, outputTokens: 10 };
/** An address without a batch API: calls that could wait for a batch are made at once. The server would say that it has one. */
const NOT_HERE: Mountable = {
  async handleRequest(_, response) {
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"No batches here"}}');
    return true;
  },
};
/** of an answer that streams at a pace, characters */
const PIECE = 12;

/** @param providers those the config adds to the three, which are then answered for by the script too */
export async function scriptedModels(
  lines: ScriptedModel[] = [],
  providers: Config['providers'] = {},
): Promise<ScriptedModels> {
  const names = [...new Set([...Object.keys(VARIABLES), ...Object.keys(providers)])];
  const servers = await Promise.all(
    names.map(async (provider) => {
      const server = new LLMock({ port: 0, journalMaxEntries: 1 });
      server.mount('/v1/batches', NOT_HERE);
      await server.start();
      return { provider, server };
    }),
  );
  let calls: AskedModel[] = [];
  const urlOf = (name: string) => servers.find(({ provider }) => provider === name)!.server.url;
  const addressed = (provider: ProviderConfig, name: string) => ({ ...provider, baseUrl: urlOf(name) });

  function script(more: ScriptedModel[]): void {
    // Each is put before what is there: the first of them comes to stand first.
    for (const line of more.toReversed()) {
      const answer = inTurn(line.answer);
      for (const { provider, server } of servers) {
        server.prependFixture({
          match: { predicate: (request) => fits(line, readRequest(provider, request)) },
          response: async (request) => {
            const asked = readRequest(provider, request);
            calls.push(asked);
            return asResponse(await answer(asked));
          },
          ...(line.paceMs === undefined ? {} : { latency: line.paceMs, chunkSize: PIECE }),
        });
      }
    }
  }

  function reset(): void {
    calls = [];
    for (const { provider, server } of servers) {
      server.clearFixtures();
      server.on({ predicate: () => true }, (request) => {
        if (request.embeddingInput !== undefined) return { embedding: wordVector(request.embeddingInput) };
        const asked = readRequest(provider, request);
        calls.push(asked);
        return noLine(asked);
      });
    }
  }

  reset();
  script(lines);
  const keys = Object.values(providers).flatMap(({ apiKeyEnv }) => (apiKeyEnv === undefined ? [] : [[apiKeyEnv, KEY]]));
  const ofThree = Object.entries(VARIABLES).flatMap(([name, prefix]) => [
    [`${prefix}_API_KEY`, KEY],
    [`${prefix}_BASE_URL`, urlOf(name)],
  ]);
  return {
    script,
    reset,
    asked: (which = {}) => calls.filter((asked) => fits(which, asked)),
    env: Object.fromEntries([...keys, ...ofThree]),
    providers: Object.fromEntries(
      Object.entries(providers).map(([name, provider]) => [name, addressed(provider, name)]),
    ),
    async stop() {
      await Promise.all(servers.map(({ server }) => server.stop()));
    },
  };
}

function fits({ model, prompt }: Pick<ScriptedModel, 'model' | 'prompt'>, asked: AskedModel): boolean {
  const isModel =
    model === undefined ||
    (typeof model === 'string'
      ? asked.model === model || asked.model.startsWith(`${model}/`)
      : model.test(asked.model));
  if (!isModel || prompt === undefined) return isModel;
  if (typeof prompt === 'function') return prompt(asked);
  return typeof prompt === 'string' ? asked.prompt.includes(prompt) : prompt.test(asked.prompt);
}

function inTurn(answer: ScriptedModel['answer']): (asked: AskedModel) => ScriptedAnswer | Promise<ScriptedAnswer> {
  if (typeof answer === 'function') return answer;
  const answers = Array.isArray(answer) ? answer : [answer];
  if (answers.length === 0) throw new Error('A line of a script has no answers: give at least one');
  let given = 0;
  return () => answers[Math.min(given++, answers.length - 1)]!;
}

function readRequest(provider: string, request: ChatCompletionRequest): AskedModel {
  const messages = request.messages.map(({ role, content }) => ({ role, text: textOf(content) }));
  const system = messages.filter(({ role }) => role === 'system').map(({ text }) => text);
  return {
    model: `${provider}/${request.model}`,
    prompt: messages.findLast(({ role }) => role === 'user')?.text ?? '',
    system: system.join('\n\n'),
    messages,
    tools: (request.tools ?? []).map((tool) => tool.function.name),
  };
}

function textOf(content: ChatCompletionRequest['messages'][number]['content']): string {
  return typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('');
}

function asResponse(answer: ScriptedAnswer): FixtureResponse {
  if (typeof answer === 'string') return { content: answer, usage: usageOf(USAGE) };
  if ('error' in answer) {
    const { status, message = `scripted: ${status}`, retryAfterSeconds } = answer.error;
    return { status, error: { message, type: 'scripted' }, retryAfter: retryAfterSeconds };
  }
  const { text, object, usage = USAGE } = answer;
  const toolCalls = answer.toolCalls?.map(({ name, arguments: given }) => ({ name, arguments: JSON.stringify(given) }));
  const content = object === undefined ? text : JSON.stringify(object);
  if (toolCalls === undefined) return { content: content ?? '', usage: usageOf(usage) };
  return content === undefined ? { toolCalls, usage: usageOf(usage) } : { content, toolCalls, usage: usageOf(usage) };
}

/** In each provider's own words. */
function usageOf({ inputTokens, outputTokens }: typeof USAGE) {
  return {
    ...{ prompt_tokens: inputTokens, completion_tokens: outputTokens },
    ...{ input_tokens: inputTokens, output_tokens: outputTokens },
    ...{
      promptTokenCount: inputTokens,
      candidatesTokenCount: outputTokens,
      totalTokenCount: inputTokens + outputTokens,
    },
  };
}

/** A request that no line fits fails its step at once, and says what is missing. */
function noLine({ model, prompt }: AskedModel): FixtureResponse {
  const message = `No line of the script fits this request to ${model}: "${prompt.slice(0, 200)}". Add one to \`models\`.`;
  return { status: 400, error: { message, type: 'invalid_request_error' } };
}
