import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { TEST_KEYS } from './mock-provider.ts';

const WORDS = ['It ', 'goes ', 'on ', 'when ', 'nobody ', 'listens'];
/** What it says in all. */
export const ANSWER = WORDS.join('');
/** Tokens of each answer. */
export const TOKENS = { input: 1_000, output: 600 };

interface Answer {
  id: string;
  prompt: string;
  events: object[];
  status: 'in_progress' | 'completed' | 'cancelled' | 'failed';
  listeners: Set<ServerResponse>;
}

/** OpenAI's Responses API on this machine, as far as the background goes: an answer goes on when nobody listens. */
export interface BackgroundPeer {
  env: Record<string, string>;
  /** all that was asked to be made, in order */
  answers: Answer[];
  /** how often an answer that goes on was asked for */
  resumed(): number;
  /** Answers stop after their third word until they are told to go on. */
  hold(): void;
  goOn(): void;
  /** Those that go on end with an error. */
  fail(): void;
  /** Whoever listens is cut off. */
  hangUp(): void;
  /** All answers are as good as unknown, until they are not. */
  forget(): void;
  remember(): void;
  stop(): Promise<void>;
}

export async function backgroundPeer(): Promise<BackgroundPeer> {
  const answers: Answer[] = [];
  let resumed = 0;
  let holding = false;
  let forgotten = false;

  const server = createServer((request, response) => void handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, url);
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    const send = (status: number, value: object) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const [, id, isCancel] = /\/responses\/([^/]+)(\/cancel)?$/.exec(pathname) ?? [];
    const known = answers.find((answer) => answer.id === id);
    if (id !== undefined && (!known || forgotten)) return void send(404, { error: { message: `No response ${id}` } });
    if (isCancel) {
      end(known!, 'cancelled');
      return void send(200, told(known!));
    }
    if (id !== undefined) {
      resumed += 1;
      return listen(known!, response, Number(searchParams.get('starting_after') ?? -1));
    }
    const asked = JSON.parse(body) as {
      input: { content: { text: string }[] }[];
      background?: boolean;
      store: boolean;
    };
    if (!asked.background || !asked.store) return void send(400, { error: { message: 'Not in the background' } });
    const prompt = asked.input[0]!.content[0]!.text;
    const made: Answer = {
      id: `resp_${answers.length + 1}`,
      prompt,
      events: [],
      status: 'in_progress',
      listeners: new Set(),
    };
    answers.push(made);
    say(made, { type: 'response.created', response: told(made) });
    for (const delta of WORDS.slice(0, 3)) say(made, { type: 'response.output_text.delta', output_index: 0, delta });
    if (!holding) finish(made);
    listen(made, response, -1);
  }

  function told({ id, status }: Answer): object {
    const usage = status === 'completed' ? { usage: { input_tokens: TOKENS.input, output_tokens: TOKENS.output } } : {};
    return { id, object: 'response', status, background: true, output: [], ...usage };
  }

  function say(answer: Answer, event: object): void {
    const numbered = { ...event, sequence_number: answer.events.length };
    answer.events.push(numbered);
    for (const listener of answer.listeners) listener.write(`data: ${JSON.stringify(numbered)}\n\n`);
  }

  function finish(answer: Answer): void {
    for (const delta of WORDS.slice(3)) say(answer, { type: 'response.output_text.delta', output_index: 0, delta });
    end(answer, 'completed');
  }

  function end(answer: Answer, status: Answer['status']): void {
    if (answer.status !== 'in_progress') return;
    answer.status = status;
    const error = status === 'failed' ? { error: { code: 'server_error', message: 'It broke' } } : {};
    say(answer, { type: `response.${status}`, response: { ...told(answer), ...error } });
    for (const listener of answer.listeners) listener.end();
  }

  function listen(answer: Answer, response: ServerResponse, after: number): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const event of answer.events.slice(after + 1)) response.write(`data: ${JSON.stringify(event)}\n\n`);
    if (answer.status !== 'in_progress') return void response.end();
    answer.listeners.add(response);
    response.on('close', () => answer.listeners.delete(response));
  }

  const going = () => answers.filter(({ status }) => status === 'in_progress');
  return {
    env: { ...TEST_KEYS, OPENAI_BASE_URL: url },
    answers,
    resumed: () => resumed,
    hold() {
      holding = true;
    },
    goOn() {
      holding = false;
      going().forEach(finish);
    },
    fail() {
      for (const answer of going()) end(answer, 'failed');
    },
    hangUp() {
      for (const listener of going().flatMap(({ listeners }) => [...listeners])) listener.destroy();
    },
    forget() {
      forgotten = true;
    },
    remember() {
      forgotten = false;
    },
    async stop() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
