import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type TestCadenza, testCadenza } from 'cadenza/testing';
import config from '../cadenza.config.ts';
import { briefing } from '../src/workflows.ts';

let cadenza: TestCadenza;
before(async () => {
  cadenza = await testCadenza({
    workflowsPath: fileURLToPath(new URL('../src/workflows.ts', import.meta.url)),
    // The models of the tests are the script's, whatever the project uses.
    config: { ...config, aliases: { writer: 'openai/gpt-6-sol', critic: 'anthropic/claude-sonnet-5-5' } },
  });
});
after(() => cadenza?.close());
beforeEach(() => cadenza.reset());

test('a briefing is written from the facts, and only from them', async () => {
  cadenza.models.script([
    { prompt: /^List what is known/, answer: { object: { facts: ['Tides come twice a day.'] } } },
    { prompt: /^Write a briefing/, answer: 'A draft.' },
    { prompt: /^Make this shorter/, answer: 'Twice a day.' },
  ]);
  const run = await cadenza.start(briefing, { topic: 'tides' });
  assert.deepEqual(await run.result(), { facts: ['Tides come twice a day.'], text: 'Twice a day.' });
  const drafts = cadenza.models.asked({ prompt: 'Tides come twice a day.' });
  assert.deepEqual(drafts.map(({ model }) => model).sort(), ['anthropic/claude-sonnet-5-5', 'openai/gpt-6-sol']);
  assert.equal((await run.bill()).calls.length, 4);
});

test('a provider that is down is waited for, and takes no time here', async () => {
  const down = { error: { status: 503 } };
  cadenza.models.script([
    { prompt: /^List what is known/, answer: [down, down, { object: { facts: ['Late, but true.'] } }] },
    { answer: 'Fine.' },
  ]);
  assert.deepEqual(await cadenza.run(briefing, { topic: 'outages' }), { facts: ['Late, but true.'], text: 'Fine.' });
});
