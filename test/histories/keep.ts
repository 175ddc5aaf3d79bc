/**
 * Writes the histories that test/workflows/replay.test.ts replays: `npm run histories` after a pattern was added or its
 * commands were changed on purpose. A change that was not on purpose makes the replay of the old ones fail instead.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { pressReply } from '../crash/press-room.ts';
import { failWith, mockProvider } from '../setup/mock-provider.ts';
import startServers from '../setup/start-servers.ts';
import { stepBed } from '../setup/step-bed.ts';
import stopServers from '../setup/stop-servers.ts';
import type { TestBed } from '../setup/test-bed.ts';

const gpt = 'openai/gpt-6-sol';
const claude = 'anthropic/claude-sonnet-5-5';
const members = [gpt, claude];
const judged = JSON.stringify({
  answers: { A: { reason: 'thin', score: 0.2 }, B: { reason: 'full', score: 0.9 } },
  reason: 'B says more',
});

const runs: [file: string, pattern: string, input: object][] = [
  ['ask.plain', 'ask', { prompt: 'Why do rivers bend?', policy: { candidates: [claude] } }],
  ['ask.fallback', 'ask', { prompt: 'down', policy: { candidates: members, maxAttempts: 2 } }],
  ['ask.failed', 'ask', { prompt: 'down', policy: { candidates: [gpt], maxAttempts: 1 } }],
  ['ask.default-policy', 'ask', { prompt: 'By the policy of the config' }],
  ['compare.plain', 'compare', { prompt: 'Tea or coffee?', models: members }],
  ['compare.judged', 'compare', { prompt: 'Sun or rain?', models: members, judge: claude, merge: claude }],
  ['council.plain', 'council', { prompt: 'Sea or hills?', members, chairman: claude }],
  ['best-of.plain', 'best-of', { prompt: 'A name for a cat', policy: { candidates: [claude] }, n: 2, judge: claude }],
  [
    'chain.loop',
    'chain',
    {
      policy: { candidates: [claude] },
      input: { topics: ['one', 'two'] },
      steps: [
        { id: 'each', prompt: 'About {{item}}', forEach: '{{input.topics}}' },
        {
          id: 'both',
          parallel: [
            { id: 'left', prompt: 'Left of {{steps.each.text}}' },
            { id: 'right', prompt: 'Right of {{steps.each.text}}' },
          ],
        },
        { id: 'skipped', prompt: 'Never', when: { value: '{{steps.left.text}}', equals: 'nothing' } },
        { id: 'end', prompt: 'End {{steps.right.text}}' },
      ],
    },
  ],
];

/** Runs that are talked to, or that need more than a start. */
const talks: [file: string, talk: (client: TestBed['client']) => Promise<string>][] = [
  [
    'conversation.plain',
    async (client) => {
      const { id } = await client.start('conversation', { policy: { candidates: [claude] }, historyTurns: 50 });
      for (const text of ['Hello', 'And then?']) await client.send(id, text);
      await client.end(id);
      await client.result(id);
      return id;
    },
  ],
  [
    'map.plain',
    async (client) => {
      const input = {
        pattern: 'ask' as const,
        items: [{ x: 1 }, { x: 2 }],
        input: { prompt: 'Row {{item.x}}', policy: { candidates: [claude] } },
      };
      const run = await client.start('map', input);
      await run.result();
      return run.id;
    },
  ],
];

await startServers();
const provider = await mockProvider();
provider.first(
  (request) => request.model.startsWith('gpt') && JSON.stringify(request.messages).includes('down'),
  failWith(500, 'out of order'),
);
provider.first(
  (request) => JSON.stringify(request.messages).includes('Answer A'),
  () => ({ content: judged }),
);
provider.first((request) => JSON.stringify(request.messages).includes('topic-kept'), pressReply);
const bed = await stepBed(provider, fileURLToPath(new URL('./workflows.ts', import.meta.url)));
const folder = import.meta.dirname;
try {
  await mkdir(folder, { recursive: true });
  for (const [file, pattern, input] of runs) {
    const run = await bed.client.startUnchecked(pattern, input);
    await run.result().catch(() => {});
    await keep(file, run.id);
  }
  const topic = { topic: 'topic-kept', writers: members, policy: { candidates: [claude] } };
  await bed.step('pressRelease', topic, 'kept-press-release');
  await keep('pressRelease.plain', 'kept-press-release');
  for (const [file, talk] of talks) await keep(file, await talk(bed.client));
} finally {
  await bed.close();
  await stopServers();
}

async function keep(file: string, id: string): Promise<void> {
  const history = await bed.temporal.workflow.getHandle(id).fetchHistory();
  await writeFile(path.join(folder, `${file}.json`), `${withoutPlaces(historyToJSON(history))}\n`);
  console.log(`kept ${file}`);
}

/** A history without the names and paths of the machine it was made on. */
function withoutPlaces(json: string): string {
  return JSON.stringify(JSON.parse(json), (name, value: unknown) => {
    if (name === 'stackTrace') return '';
    return name === 'identity' ? 'worker' : value;
  });
}
