import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { createGateway, type GatewayOptions, type ServedGateway, serveGateway } from '../../src/gateway/index.ts';
import { type CrashBed, crashBed } from '../crash/crash-bed.ts';
import { type Handler, type Peer, scriptedPeer, sse } from '../providers/peer.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { testLog } from '../setup/test-log.ts';
import { openBrowser } from './open-browser.ts';

/** What a model of the peer says to a question. */
export type Script = (model: string, question: string, isAfterTool: boolean) => Said;

export interface Said {
  words: string[];
  paceMs?: number;
  /** instead of words */
  tool?: { name: string; arguments: object };
  /** instead of an answer */
  status?: number;
}

/** A browser before a gateway of this process, a worker in one of its own, and a provider that the test plays. */
export interface PageBed extends CrashBed {
  browser: Browser;
  peer: Peer;
  url: string;
  /** of requests that were broken off: the model, and when (ms since 1970) */
  brokenOff: { model: string; at: number }[];
  /** how often a model was asked with the text */
  asked(model: string, text: string): number;
  /** A page whose errors the test fails with. */
  open(path: string, options?: Parameters<Browser['newContext']>[0]): Promise<Page>;
  errors: string[];
  /** Ends the gateway, with every stream. @returns what starts it again at its address */
  endGateway(): Promise<() => Promise<void>>;
  /** Another gateway before the same client. */
  serve(options: Partial<GatewayOptions>): Promise<ServedGateway>;
}

/** @param house the folder of its cadenza.config.ts */
export async function pageBed(script: Script, house = 'house'): Promise<PageBed> {
  const brokenOff: PageBed['brokenOff'] = [];
  const peer = await scriptedPeer(chatServer(script, brokenOff));
  process.env.PEER_URL = peer.url;
  const folder = path.relative(path.resolve(import.meta.dirname, '../..'), path.join(import.meta.dirname, house));
  const bed = await crashBed({ provider: await mockProvider(), folder, env: { PEER_URL: peer.url } });
  await bed.start();
  const { log } = testLog();
  const serve = (options: Partial<GatewayOptions>, port = 0) => {
    const links = { namespace: 'default' };
    const app = createGateway({ client: bed.cadenza, links, apiKeys: [], version: '1.2.3', log, ...options });
    return serveGateway({ app, port, host: '127.0.0.1', log, drainMs: 200 });
  };
  let gateway = await serve({});
  const browser = await openBrowser();
  const errors: string[] = [];
  return {
    ...bed,
    browser,
    peer,
    url: gateway.url,
    brokenOff,
    errors,
    asked: (model, text) =>
      peer.sent.filter(({ body }) => body?.model === model && JSON.stringify(body.messages).includes(text)).length,
    async open(at, options) {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.setDefaultTimeout(30_000);
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (/Content Security Policy|TrustedHTML/.test(message.text())) errors.push(message.text());
      });
      await page.goto(at.startsWith('http') ? at : gateway.url + at);
      return page;
    },
    async endGateway() {
      const { port } = gateway;
      await gateway.close();
      return async () => {
        gateway = await serve({}, port);
      };
    },
    serve,
    async close() {
      await browser.close();
      await gateway.close();
      await bed.close();
      await peer.stop();
    },
  };
}

/** Chat Completions, streamed word by word; what the reader breaks off is kept. */
function chatServer(script: Script, brokenOff: PageBed['brokenOff']): Handler {
  return async (_, response, { method, body }) => {
    if (method === 'GET') {
      response.writeHead(404).end();
      return;
    }
    const { model, messages } = body;
    const question = [...messages].reverse().find(({ role }: { role: string }) => role === 'user')?.content;
    const text =
      typeof question === 'string' ? question : question.map((part: { text?: string }) => part.text).join('');
    const said = script(model, text, messages.at(-1).role === 'tool');
    response.on('close', () => {
      if (!response.writableEnded) brokenOff.push({ model, at: Date.now() });
    });
    if (said.status !== undefined) {
      response.writeHead(said.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { message: 'The model is busy', type: 'server_error' } }));
      return;
    }
    const chunk = (delta: object, reason: string | null = null) =>
      sse({ id: 'c', object: 'chat.completion.chunk', model, choices: [{ index: 0, delta, finish_reason: reason }] });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk({ role: 'assistant', content: '' }));
    for (const word of said.words) {
      if (response.destroyed) return;
      response.write(chunk({ content: word }));
      await delay(said.paceMs ?? 0);
    }
    if (said.tool) {
      const call = { name: said.tool.name, arguments: JSON.stringify(said.tool.arguments) };
      response.write(chunk({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }] }));
    }
    const usage = { prompt_tokens: 20, completion_tokens: said.words.length, total_tokens: 20 + said.words.length };
    response.write(chunk({}, said.tool ? 'tool_calls' : 'stop'));
    response.end(sse({ id: 'c', object: 'chat.completion.chunk', model, choices: [], usage }, '[DONE]'));
    await once(response, 'close');
  };
}
