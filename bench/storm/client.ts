import { setTimeout as delay } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import type { RunEvent } from '../../src/contract/index.ts';
import type { StormRun } from './runs.ts';

/** What a client of the gateways' one address saw of a run. */
export interface Seen {
  run: StormRun;
  /** as they came, over however many connections */
  events: RunEvent[];
  /** of its result: 200, or 409 where it failed */
  status: number;
  result: unknown;
  /** requests that were made again: the connection broke, or the answer was one of `AGAIN` */
  again: number;
  /** answers that should not be: a status and what it said */
  odd: string[];
  ms: number;
}

/** No gateway, or one that cannot reach Temporal or PostgreSQL. */
const AGAIN = [502, 503, 504];
const AGAIN_AFTER_MS = 250;
const ENDS = ['run.completed', 'run.failed', 'run.cancelled'];

export interface StormClient {
  /** Starts the run, reads its events as they come, says what it has to say, and waits for its result. */
  carryOut(run: StormRun): Promise<Seen>;
  /** One request, made until it is answered. */
  ask(method: string, path: string, body?: object): Promise<{ status: number; body: unknown }>;
}

export function stormClient(url: string, apiKey: string): StormClient {
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };

  async function ask(method: string, path: string, body?: object, seen?: Seen) {
    for (;;) {
      try {
        const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) });
        const text = await answer.text();
        if (!AGAIN.includes(answer.status)) {
          if (answer.status < 500) return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
          seen?.odd.push(`${method} ${path}: ${answer.status} ${text}`);
        }
      } catch (thrown) {
        if (!(thrown instanceof TypeError)) throw thrown;
      }
      if (seen) seen.again += 1;
      await delay(AGAIN_AFTER_MS);
    }
  }

  /** A stream that breaks off goes on after the last event it brought. */
  async function follow(seen: Seen, notice: (event: RunEvent) => void): Promise<void> {
    const { events, run } = seen;
    while (!ENDS.includes(events.at(-1)?.type ?? '')) {
      try {
        const last = events.at(-1)?.seq;
        const answer = await fetch(`${url}/v1/runs/${run.id}/events`, {
          headers: { ...headers, ...(last === undefined ? {} : { 'last-event-id': String(last) }) },
        });
        if (answer.status === 204) return;
        if (answer.ok) await read(answer, notice);
        else if (!AGAIN.includes(answer.status)) seen.odd.push(`events: ${answer.status} ${await answer.text()}`);
      } catch (thrown) {
        if (!(thrown instanceof TypeError)) throw thrown;
      }
      if (!ENDS.includes(events.at(-1)?.type ?? '')) {
        seen.again += 1;
        await delay(AGAIN_AFTER_MS);
      }
    }
  }

  async function read(answer: Response, notice: (event: RunEvent) => void): Promise<void> {
    const parser = createParser({ onEvent: ({ data }) => notice(JSON.parse(data) as RunEvent) });
    const decoder = new TextDecoder();
    for await (const piece of answer.body!) parser.feed(decoder.decode(piece as Uint8Array, { stream: true }));
  }

  async function talk({ id, messages = [] }: StormRun, seen: Seen): Promise<void> {
    for (const [turn, text] of messages.entries()) {
      const said = await ask('POST', `/v1/runs/${id}/messages`, { text, id: `${id}-${turn}` }, seen);
      // A gateway that stops lets go of whoever waits: the answer is asked for again.
      if (said.status !== 200) seen.odd.push(`message ${turn}: ${said.status} ${JSON.stringify(said.body)}`);
    }
    if (messages.length > 0) await ask('POST', `/v1/runs/${id}/end`, {}, seen);
  }

  return {
    ask: (method, path, body) => ask(method, path, body),
    async carryOut(run) {
      const seen: Seen = { run, events: [], status: 0, result: undefined, again: 0, odd: [], ms: 0 };
      const begunAt = performance.now();
      const { id, pattern, input, tenant } = run;
      const started = await ask('POST', '/v1/runs', { id, pattern, input, tenant }, seen);
      if (started.status !== 202) {
        seen.odd.push(`start: ${started.status} ${JSON.stringify(started.body)}`);
        return seen;
      }
      const answering: Promise<unknown>[] = [];
      const following = follow(seen, (event) => {
        seen.events.push(event);
        if (event.type !== 'approval.requested' || !run.approves) return;
        const approval = encodeURIComponent(event.approval);
        answering.push(ask('POST', `/v1/runs/${id}/approvals/${approval}`, { approved: true }, seen));
      });
      await talk(run, seen);
      await following;
      await Promise.all(answering);
      let outcome = await ask('GET', `/v1/runs/${id}/result?waitSeconds=20`, undefined, seen);
      while (outcome.status === 202)
        outcome = await ask('GET', `/v1/runs/${id}/result?waitSeconds=20`, undefined, seen);
      return Object.assign(seen, { status: outcome.status, result: outcome.body, ms: performance.now() - begunAt });
    },
  };
}
