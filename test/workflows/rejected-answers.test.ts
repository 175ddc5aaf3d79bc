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
    const [, finishReason] = /declined: (\w+)/.exec(prompt) ?? [];
    if (finishReason && model === 'm') return { words: ['I would rather not'], finishReason };
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

/** Of each step: whose answers came, and how it ended. */
async function toldOf(id: string): Promise<string[]> {
  const events = await bed.eventsOf(id);
  return events.flatMap((event) => {
    if (event.type === 'call.completed') return [`${event.step} ${event.model}`];
    return event.type === 'step.completed' || event.type === 'step.failed' ? [`${event.step} ${event.type}`] : [];
  });
}

const declined = [
  ['refusal', 'Refused'],
  ['content_filter', 'ContentFiltered'],
];
const policy = { candidates: [MODEL, OTHER], fallbackOn: ['Refused', 'ContentFiltered'], cache: false as const };

test.each(declined)('a step is complete with the answer of who did not decline: %s', async (reason) => {
  const run = await bed.client.start('ask', { prompt: `declined: ${reason}`, policy } as never);
  expect(await run.result()).toMatchObject({ model: OTHER });
  expect(await toldOf(run.id)).toEqual([`ask ${MODEL}`, `ask ${OTHER}`, 'ask step.completed']);
});

test.each(declined)(
  'a step whose answer is declined for good has failed, and nothing else: %s',
  async (reason, type) => {
    const models = [MODEL, OTHER];
    const run = await bed.client.start('compare', { prompt: `declined: ${reason}`, models });
    expect((await run.result()).answers).toMatchObject([{ error: { type } }, { text: 'fine' }]);
    const told = await toldOf(run.id);
    expect(told.filter((line) => line.startsWith(MODEL))).toEqual([`${MODEL} ${MODEL}`, `${MODEL} step.failed`]);
  },
);

test('who follows a turn of a conversation hears the answer that it has, and not only who declined', async () => {
  const { id } = await bed.client.start('conversation', { policy } as never);
  const said = await bed.client.say(id, 'declined: refusal');
  const events = await Array.fromAsync(said.events());
  expect(await said.answer()).toMatchObject({ model: OTHER, text: 'fine' });
  expect(events.flatMap((event) => (event.type === 'call.delta' ? [event.text] : [])).join('')).toMatch(/fine$/);
  expect(events.at(-1)).toMatchObject({ type: 'step.completed', step: 'turn' });
});

test('an answer is complete once its checks have accepted it, not as soon as it matches its schema', async () => {
  const candidates = [MODEL, OTHER];
  await bed.step('evenNumber', { prompt: 'An even number, told of', candidates }, 'even-3');
  const told = await toldOf('even-3');
  expect(told.at(-1)).toBe('generate step.completed');
  expect(told.filter((line) => line.endsWith('step.completed'))).toHaveLength(1);
  expect(told.at(-2)).toBe(`generate ${OTHER}`);
});

test('an empty answer is not cached', async () => {
  const input = { prompt: 'An empty answer', policy: { candidates: [MODEL] } };
  await (await bed.client.start('ask', input)).result();
  await (await bed.client.start('ask', input)).result();
  expect(peer.askedWith('An empty answer')).toHaveLength(2);
});
