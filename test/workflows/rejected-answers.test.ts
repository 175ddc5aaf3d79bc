import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ChatPeer, chatPeer } from '../setup/chat-peer.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';

const MODEL = 'house/m';
const OTHER = 'house/n';

let peer: ChatPeer;
let bed: StepBed;
beforeAll(async () => {
  peer = await chatPeer((prompt, _, { model, messages }) => {
    const asked = messages.length;
    if (prompt.includes('empty')) return { words: [] };
    if (prompt.includes('even')) return { words: [model === 'm' ? '{"n":1}' : '{"n":2}'] };
    if (messages[0].content.includes('even') && asked > 1) return { words: [model === 'm' ? '{"n":3}' : '{"n":4}'] };
    return {};
  });
  bed = await stepBed(undefined, {
    config: { providers: { house: peer.provider } },
  });
});
afterAll(async () => {
  await bed.close();
  await peer.stop();
});

test('an answer its checks do not accept is not read back from the cache, by nobody', async () => {
  const candidates = [MODEL, OTHER];
  const first = await bed.step<{ n: number; model: string }>(
    'evenNumber',
    { prompt: 'An even number', candidates },
    'even-1',
  );
  expect(first).toEqual({ n: 2, model: OTHER });
  // As it came, repaired, and once more: three calls, none of them answered by what was refused before.
  expect(peer.askedWith('An even number').filter(({ model }) => model === 'm')).toHaveLength(3);

  const asked = peer.sent.length;
  const second = await bed.step('evenNumber', { prompt: 'An even number', candidates: [OTHER] }, 'even-2');
  expect(second).toEqual(first);
  expect(peer.sent).toHaveLength(asked);
});

test('an empty answer is not cached', async () => {
  const input = { prompt: 'An empty answer', policy: { candidates: [MODEL] } };
  await (await bed.client.start('ask', input)).result();
  await (await bed.client.start('ask', input)).result();
  expect(peer.askedWith('An empty answer')).toHaveLength(2);
});
