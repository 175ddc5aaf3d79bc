import { afterEach, describe, expect, test } from '@jest/globals';
import { oneLine, shortened } from '../../src/contract/index.ts';
import type { Peer } from './peer.ts';
import { mockPeer, scriptedPeer } from './peer.ts';
import { all, ask, start, WIRES } from './wires.ts';

let peer: Peer | undefined;
afterEach(async () => {
  await peer?.stop();
  peer = undefined;
});

const HALF = 'the stove is hot \ud83d';

describe.each(WIRES)('$name', ({ model, open }) => {
  test('sends no half of an emoji and no NUL, wherever it stands', async () => {
    peer = await mockPeer({ content: 'Yes.' });
    await all(
      start(open(peer.url), model, {
        system: `S ${HALF}`,
        messages: [
          { role: 'user', content: `U ${HALF} \0` },
          { role: 'assistant', content: [{ type: 'toolCall', id: 'c1', name: 'look', arguments: { at: HALF } }] },
          { role: 'tool', content: [{ type: 'toolResult', id: 'c1', name: 'look', content: `R ${HALF}` }] },
        ],
        tools: [
          { name: 'look', description: HALF, parameters: { type: 'object', properties: { at: { type: 'string' } } } },
        ],
      }),
    );
    const strings: string[] = [];
    JSON.stringify(peer.sent[0]!.body, (key, value) => {
      strings.push(key);
      if (typeof value === 'string') strings.push(value);
      return value;
    });
    expect(strings.filter((text) => !text.isWellFormed() || text.includes('\0'))).toEqual([]);
    expect(strings).toContain('S the stove is hot \uFFFD');
  });

  test('asks in words where the provider takes no such schema, and remembers it', async () => {
    const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    peer = await scriptedPeer((_incoming, response, sent) => {
      const asked = JSON.stringify(sent.body);
      if (/json_schema|responseJsonSchema|output_config/.test(asked)) {
        response.writeHead(400, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ error: { code: 400, message: 'This response_format json_schema is unavailable' } }),
        );
        return;
      }
      response.writeHead(500, { 'content-type': 'application/json' });
      response.end('{"error":{"message":"enough"}}');
    });
    const wire = open(peer.url);
    for (const requests of [2, 3]) {
      await expect(all(start(wire, model, ask('Count', { schema })))).rejects.toThrow();
      expect(peer.sent).toHaveLength(requests);
      expect(JSON.stringify(peer.sent.at(-1)!.body)).toContain('matches this JSON schema');
    }
  });
});

test('a text is never cut inside a character', () => {
  for (let most = 2; most < 12; most++) {
    expect(shortened('a😀😀😀😀😀😀', most).isWellFormed()).toBe(true);
    expect(oneLine('a 😀\n😀😀😀😀😀', most).length).toBeLessThanOrEqual(most);
  }
  expect(shortened('short', 5)).toBe('short');
});

test('a message of an error is cut between characters', async () => {
  peer = await scriptedPeer((_incoming, response) => {
    response.writeHead(500, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: { message: `x${'😀'.repeat(400)}\0` } }));
  });
  const wire = WIRES[1]!.open(peer.url);
  const failed = await all(start(wire, 'm', ask('?'))).catch((error: unknown) => error);
  const { message } = wire.asCallError(failed, 'm');
  expect(message.length).toBeLessThan(400);
  expect(message.isWellFormed()).toBe(true);
});

test('halves of an emoji that come in two pieces are put together', async () => {
  const { askWire } = await import('./case-bed.ts');
  const piece = (content: string) =>
    `data: {"choices":[{"index":0,"delta":{"content":${JSON.stringify(content)}}}]}\n\n`;
  const asked = await askWire('openai-chat', { chunks: [piece('Hi \ud83d'), piece('\ude00!'), 'data: [DONE]\n\n'] });
  await asked.stop();
  expect(asked.reply?.text).toBe('Hi 😀!');
  expect(asked.events.every((event) => !('text' in event) || String(event.text).isWellFormed())).toBe(true);
});
