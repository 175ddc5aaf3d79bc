import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createActivities } from '../../src/activities/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import type { CadenzaActivities, Route, RouteFacts } from '../../src/contract/index.ts';
import { providerRegistry } from '../../src/providers/index.ts';
import { type Peer, scriptedPeer } from '../providers/peer.ts';
import { cpuMs } from '../setup/cpu-time.ts';
import { testLog } from '../setup/test-log.ts';
import { type FreshStore, freshStore } from '../store/fresh-store.ts';
import { newRun } from '../store/samples.ts';

const WORDS = ['river', 'integral'];
/** 1,000,000 tokens of the embedding model cost 0.02 USD; each text here has 5,000. */
const USD_A_TEXT = 0.0001;

let fresh: FreshStore;
let peer: Peer;
let close: () => Promise<void>;
let decide: CadenzaActivities['decideRoute'];
beforeAll(async () => {
  fresh = await freshStore();
  peer = await scriptedPeer((_, response, { body }) => {
    const texts = body.input as string[];
    const data = texts.map((text, index) => ({ index, embedding: WORDS.map((word) => (text.includes(word) ? 1 : 0)) }));
    const tokens = 5_000 * texts.length;
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ data, usage: { prompt_tokens: tokens, total_tokens: tokens } }));
  });
  decide = newProcess();
});
afterAll(async () => {
  await close();
  await peer.stop();
  await fresh.drop();
});

/** Activities that remember nothing of those before. */
function newProcess(): CadenzaActivities['decideRoute'] {
  const config = parseConfig({});
  const env = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: peer.url };
  const providers = providerRegistry({ config, env });
  close = () => providers.close();
  const { log } = testLog();
  return createActivities({ store: fresh.store, providers, config, secrets: [], env: {}, log } as never).decideRoute;
}

const semantic: Route = {
  strategy: 'semantic',
  embeddings: 'openai/text-embedding-3-small',
  examples: { geography: ['a river'], maths: ['an integral'] },
  neighbours: 1,
  default: 'other',
};
const facts = (text: string): RouteFacts => ({ tokens: 10, code: false, images: false, text });
const asked = () => peer.sent.map(({ body }) => body.input as string[]);

test('embeddings are paid once, by the first run that needs them, and are in its bill', async () => {
  const [first, second, third, fourth] = [newRun(), newRun(), newRun(), newRun()];
  expect(await decide(first, 'route', semantic, facts('Which river?'))).toMatchObject({
    choice: 'geography',
    costUsd: expect.closeTo(3 * USD_A_TEXT, 10),
  });
  // the examples are known by now, and the text is another one
  expect(await decide(second, 'route', semantic, facts('Which integral?'))).toMatchObject({
    choice: 'maths',
    costUsd: expect.closeTo(USD_A_TEXT, 10),
  });
  // everything is known
  expect(await decide(third, 'route', semantic, facts('Which river?'))).not.toHaveProperty('costUsd');
  // a process that begins anew finds what the store has
  expect(await newProcess()(fourth, 'route', semantic, facts('Which river?'))).not.toHaveProperty('costUsd');

  expect(
    asked()
      .map((texts) => texts.length)
      .sort(),
  ).toEqual([1, 1, 2]);
  const { ledger } = fresh.store;
  expect(await ledger.bill(first.chain)).toMatchObject({
    totalUsd: expect.closeTo(3 * USD_A_TEXT, 10),
    inputTokens: 15_000,
  });
  expect((await ledger.bill(second.chain)).calls).toMatchObject([
    { step: 'route/embed', model: 'openai/text-embedding-3-small', costUsd: expect.closeTo(USD_A_TEXT, 10) },
  ]);
  expect((await ledger.bill(third.chain)).calls).toEqual([]);
});

test('what one tenant had embedded is not there for another', async () => {
  const before = asked().length;
  await decide(newRun({ tenant: 'acme' }), 'route', semantic, facts('Which river?'));
  expect(asked().length).toBe(before + 2);
});

test('a decision repeated after a crash is the one that was written, and is written once', async () => {
  const run = newRun();
  const rules = (choose: string): Route => ({
    strategy: 'rules',
    rules: [{ when: { code: false }, choose }],
    default: 'd',
  });
  const first = await decide(run, 'route', rules('a'), facts('x'));
  const again = await newProcess()(run, 'route', rules('b'), facts('x'));
  expect(first.choice).toBe('a');
  expect(again).toEqual(first);
  const events = await fresh.store.events.read(run.chain, 0, 100);
  expect(events.filter(({ type }) => type === 'route.decided')).toHaveLength(1);
  // another step of the same run decides for itself
  expect(await decide(run, 'route#2', rules('b'), facts('x'))).toMatchObject({ choice: 'b' });
});

test('a budget that is used up stops the embedding, not what was decided before', async () => {
  const run = newRun({ budgetUsd: 1e-9 });
  await expect(decide(run, 'route', semantic, facts('A river nobody knows yet'))).rejects.toThrow(/budget/i);
});

test('a pattern that would hold up a worker for ever does not', async () => {
  const rules: Route = { strategy: 'rules', rules: [{ when: { matches: '(a+)+$' }, choose: 'a' }], default: 'd' };
  const spent = await cpuMs(async () => {
    const decision = await decide(newRun(), 'route', rules, facts(`${'a'.repeat(8_000)}!`));
    expect(decision.choice).toBe('d');
  });
  expect(spent).toBeLessThan(2_000);
});
