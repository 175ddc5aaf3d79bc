import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TEST_KEYS } from './mock-provider.ts';

type Dialect = 'openai' | 'anthropic' | 'gemini';
// biome-ignore lint/suspicious/noExplicitAny: bodies are looked at as the dialect has them
type Loose = any;

/** A batch as the provider has it. */
export interface PeerBatch {
  dialect: Dialect;
  id: string;
  /** what the caller had it marked with, where the dialect knows that */
  mark?: string;
  endpoint: string;
  calls: { id: string; prompt: string; body: Loose }[];
  state: 'going' | 'ended' | 'cancelled';
  madeAt: number;
}

/** What becomes of a call: a text, an error with this status, or nothing before the batch expires. */
export type Outcome = { text: string } | { status: number } | 'expired';

/**
 * OpenAI, Anthropic and Gemini on this machine, as far as batches go: files and /v1/batches, /v1/messages/batches, and
 * batchGenerateContent; single calls are answered too. A batch ends when the test says so.
 */
export interface BatchPeer {
  env: Record<string, string>;
  batches: PeerBatch[];
  /** calls that were made by themselves: their prompts */
  singles: { dialect: Dialect; prompt: string }[];
  /** requests to batch endpoints, as `POST /v1/batches` */
  requests: string[];
  /** From now on requests of this kind are carried out, and their answers do not come (whole); undefined: all do. */
  stall(what: 'submit' | 'results' | undefined): void;
  /** how many requests are stalled */
  stalled(): number;
  /** All batches, also those made later, end. */
  finish(): void;
  /** batch endpoints are as good as unknown: answered with this status */
  without(status: number | undefined): void;
  stop(): Promise<void>;
}

/** Tokens of each call. */
export const TOKENS = { input: 1_000, output: 200 };

export async function batchPeer(
  answer: (prompt: string) => Outcome = (prompt) => ({ text: `answer to: ${prompt}` }),
): Promise<BatchPeer> {
  const batches: PeerBatch[] = [];
  const singles: BatchPeer['singles'] = [];
  const requests: string[] = [];
  const files = new Map<string, string>();
  let stalling: 'submit' | 'results' | undefined;
  let stalledNow = 0;
  let isFinished = false;
  let unknown: number | undefined;
  let url = '';

  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      response.writeHead(500).end(JSON.stringify({ error: { message: String(error) } }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = request;
    const { pathname: path } = new URL(request.url!, url);
    const bytes = Buffer.concat(await Array.fromAsync(request));
    const send = (body: unknown) =>
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const isBatch = /batch|\/files/i.test(path);
    if (isBatch) requests.push(`${method} ${path}`);
    if (isBatch && unknown !== undefined) {
      response.writeHead(unknown, { 'content-type': 'application/json' }).end('{"error":{"message":"no such thing"}}');
      return;
    }
    const submitted = (batch: PeerBatch, told: unknown) => {
      batches.push(batch);
      if (stalling === 'submit') stalledNow += 1;
      else send(told);
    };

    // OpenAI
    if (path === '/v1/files' && method === 'POST') {
      const form = await new Response(bytes, {
        headers: { 'content-type': request.headers['content-type']! },
      }).formData();
      const id = `file-${files.size + 1}`;
      files.set(id, await (form.get('file') as File).text());
      return void send({ id, object: 'file', purpose: form.get('purpose') });
    }
    if (path === '/v1/batches' && method === 'POST') {
      const { input_file_id, endpoint, metadata } = JSON.parse(bytes.toString());
      const calls = linesOf(files.get(input_file_id)!).map(({ custom_id, body }) => ({
        id: custom_id,
        body,
        prompt: promptOf(body),
      }));
      const batch = made('openai', `batch_${batches.length + 1}`, endpoint, calls, metadata?.cadenza_batch);
      return submitted(batch, openAiBatch(batch));
    }
    if (path === '/v1/batches')
      return void send({ object: 'list', data: listed('openai').map(openAiBatch), has_more: false });
    const file = /^\/v1\/files\/(out|err)-(\w+)\/content$/.exec(path);
    if (file) return results(response, openAiLines(byId(file[2]!), file[1] === 'out'));

    // Anthropic
    if (path === '/v1/messages/batches' && method === 'POST') {
      const calls = JSON.parse(bytes.toString()).requests.map(({ custom_id, params }: Loose) => ({
        id: custom_id,
        body: params,
        prompt: promptOf(params),
      }));
      const batch = made('anthropic', `msgbatch_${batches.length + 1}`, path, calls);
      return submitted(batch, anthropicBatch(batch));
    }
    if (path === '/v1/messages/batches')
      return void send({ data: listed('anthropic').map(anthropicBatch), has_more: false });
    const told = /^\/v1\/messages\/batches\/(\w+)\/results$/.exec(path);
    if (told) return results(response, anthropicLines(byId(told[1]!)));

    // Gemini
    const model = /^\/v1beta\/models\/([^:]+):batchGenerateContent$/.exec(path);
    if (model) {
      const { batch: given } = JSON.parse(bytes.toString());
      const calls = given.inputConfig.requests.requests.map(({ request: body, metadata }: Loose) => ({
        id: metadata.key,
        body,
        prompt: promptOf(body),
      }));
      const batch = made('gemini', `batches/b${batches.length + 1}`, path, calls, given.displayName);
      return submitted(batch, geminiBatch(batch));
    }
    if (path === '/v1beta/batches')
      return void send({ operations: listed('gemini').map((batch) => geminiBatch(batch, false)) });

    const named = /^\/v1(?:beta|\/messages)?\/batches\/(\w+)(?:[:/](cancel))?$/.exec(path);
    if (named) {
      const batch = byId(named[1]!);
      if (named[2]) batch.state = 'cancelled';
      if (batch.dialect === 'gemini' && stateOf(batch) === 'ended' && stalling === 'results') {
        stalledNow += 1;
        return;
      }
      return void send(
        { openai: openAiBatch, anthropic: anthropicBatch, gemini: geminiBatch }[batch.dialect](batch as never),
      );
    }
    if (method === 'POST' && !isBatch) return single(path, JSON.parse(bytes.toString()), response);
    response.writeHead(404).end('{}');
  }

  function made(dialect: Dialect, id: string, endpoint: string, calls: PeerBatch['calls'], mark?: string): PeerBatch {
    return { dialect, id, endpoint, calls, mark, state: 'going', madeAt: Date.now() };
  }

  function byId(id: string): PeerBatch {
    return batches.find((batch) => batch.id === id || batch.id === `batches/${id}`)!;
  }

  function listed(dialect: Dialect): PeerBatch[] {
    return batches.filter((batch) => batch.dialect === dialect).toReversed();
  }

  function stateOf({ state }: PeerBatch): PeerBatch['state'] {
    return state === 'going' && isFinished ? 'ended' : state;
  }

  /** Half of them, where they are stalled. */
  function results(response: ServerResponse, lines: object[]): void {
    response.writeHead(200, { 'content-type': 'application/x-jsonl' });
    const text = (some: object[]) => some.map((line) => `${JSON.stringify(line)}\n`).join('');
    if (stalling !== 'results') return void response.end(text(lines));
    stalledNow += 1;
    response.write(text(lines.slice(0, Math.ceil(lines.length / 2))));
  }

  function single(path: string, body: Loose, response: ServerResponse): void {
    const prompt = promptOf(body);
    const dialect = path.includes('/messages') ? 'anthropic' : path.includes('/models/') ? 'gemini' : 'openai';
    singles.push({ dialect, prompt });
    const outcome = answer(prompt);
    const text = typeof outcome === 'object' && 'text' in outcome ? outcome.text : `alone: ${prompt}`;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({ openai: openAiAnswer(path, text), anthropic: message(text), gemini: content(text) }[dialect]),
    );
  }

  function openAiBatch(batch: PeerBatch): object {
    const state = stateOf(batch);
    const isOver = state !== 'going';
    return {
      ...{ id: batch.id, object: 'batch', endpoint: batch.endpoint, metadata: { cadenza_batch: batch.mark } },
      created_at: Math.floor(batch.madeAt / 1_000),
      status: state === 'going' ? 'in_progress' : state === 'ended' ? 'completed' : 'cancelled',
      output_file_id: isOver ? `out-${batch.id}` : undefined,
      error_file_id: isOver ? `err-${batch.id}` : undefined,
    };
  }

  function openAiLines(batch: PeerBatch, good: boolean): object[] {
    if (batch.state === 'cancelled') return [];
    return batch.calls.toReversed().flatMap(({ id, prompt }): object[] => {
      const outcome = answer(prompt);
      const line = (status_code: number, body: object) => ({
        custom_id: id,
        response: { status_code, body },
        error: null,
      });
      if (outcome === 'expired') {
        return good
          ? []
          : [
              {
                custom_id: id,
                response: null,
                error: { code: 'batch_expired', message: 'This request could not be executed' },
              },
            ];
      }
      if ('text' in outcome) return good ? [line(200, openAiAnswer(batch.endpoint, outcome.text))] : [];
      return good ? [] : [line(outcome.status, { error: { message: 'not this one', type: 'error' } })];
    });
  }

  function anthropicBatch(batch: PeerBatch): object {
    const isOver = stateOf(batch) !== 'going';
    const counts = { canceled: 0, errored: 0, expired: 0, processing: 0, succeeded: 0 };
    return {
      ...{ id: batch.id, type: 'message_batch', processing_status: isOver ? 'ended' : 'in_progress' },
      created_at: new Date(batch.madeAt).toISOString(),
      request_counts: { ...counts, [isOver ? 'succeeded' : 'processing']: batch.calls.length },
      results_url: isOver ? `${url}/v1/messages/batches/${batch.id}/results` : null,
    };
  }

  function anthropicLines(batch: PeerBatch): object[] {
    return batch.calls.toReversed().map(({ id, prompt }) => {
      const outcome = batch.state === 'cancelled' ? 'expired' : answer(prompt);
      if (outcome === 'expired')
        return { custom_id: id, result: { type: batch.state === 'cancelled' ? 'canceled' : 'expired' } };
      if ('text' in outcome) return { custom_id: id, result: { type: 'succeeded', message: message(outcome.text) } };
      const error = { type: 'error', error: { type: 'invalid_request_error', message: 'not this one' } };
      return { custom_id: id, result: { type: 'errored', error } };
    });
  }

  function geminiBatch(batch: PeerBatch, withResults = true): object {
    const state = stateOf(batch);
    const inlined = batch.calls.map(({ id, prompt }) => {
      const outcome = answer(prompt);
      if (outcome !== 'expired' && 'text' in outcome) return { response: content(outcome.text), metadata: { key: id } };
      return { error: { code: 3, message: 'not this one' }, metadata: { key: id } };
    });
    const output = state === 'ended' && withResults ? { inlinedResponses: { inlinedResponses: inlined } } : undefined;
    const told = { going: 'BATCH_STATE_RUNNING', ended: 'BATCH_STATE_SUCCEEDED', cancelled: 'BATCH_STATE_CANCELLED' }[
      state
    ];
    const createTime = new Date(batch.madeAt).toISOString();
    return { name: batch.id, metadata: { displayName: batch.mark, state: told, createTime, output } };
  }

  return {
    env: { ...TEST_KEYS, OPENAI_BASE_URL: url, ANTHROPIC_BASE_URL: url, GEMINI_BASE_URL: url },
    ...{ batches, singles, requests },
    stall(what) {
      stalling = what;
      stalledNow = 0;
    },
    stalled: () => stalledNow,
    finish() {
      isFinished = true;
    },
    without(status) {
      unknown = status;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function linesOf(text: string): Loose[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** The last text of a request, in whichever dialect. */
function promptOf(body: Loose): string {
  const { content, parts } = (body.input ?? body.messages ?? body.contents).at(-1);
  const said = content ?? parts;
  return typeof said === 'string' ? said : said.map(({ text = '' }: { text?: string }) => text).join('');
}

function openAiAnswer(path: string, text: string): object {
  const usage = {
    input_tokens: TOKENS.input,
    output_tokens: TOKENS.output,
    total_tokens: TOKENS.input + TOKENS.output,
  };
  if (path.endsWith('/responses')) {
    const output = [
      {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text }],
      },
    ];
    return { id: 'resp_1', object: 'response', status: 'completed', output, usage };
  }
  const choices = [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }];
  return {
    id: 'chat_1',
    object: 'chat.completion',
    choices,
    usage: { prompt_tokens: TOKENS.input, completion_tokens: TOKENS.output },
  };
}

function message(text: string): object {
  const usage = { input_tokens: TOKENS.input, output_tokens: TOKENS.output };
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'text', text }],
    stop_reason: 'end_turn',
    usage,
  };
}

function content(text: string): object {
  const usageMetadata = {
    promptTokenCount: TOKENS.input,
    candidatesTokenCount: TOKENS.output,
    totalTokenCount: TOKENS.input + TOKENS.output,
  };
  return { candidates: [{ content: { role: 'model', parts: [{ text }] }, finishReason: 'STOP' }], usageMetadata };
}
