import type { ChatCompletionRequest } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type CrashBed, crashBed, type Kill, killsDuring } from './crash-bed.ts';

/** Each task does its first word; a manager first delegates, and then answers. */
const crew = {
  agents: {
    researcher: { role: 'Researcher of {topic}', goal: 'Find out' },
    writer: { role: 'Writer', goal: 'Write' },
    editor: { role: 'Editor', goal: 'Edit' },
  },
  tasks: {
    research: { description: 'RESEARCH {topic}', agent: 'researcher' },
    article: { description: 'WRITE it', agent: 'writer', context: ['research'], guardrail: 'It is an article' },
    edit: { description: 'EDIT it', agent: 'editor', context: ['article'] },
  },
  inputs: { topic: 'rivers' },
  policy: { candidates: ['openai/gpt-6-sol'], cache: false as const },
};

let provider: MockProvider;
let bed: CrashBed;

function reply(request: ChatCompletionRequest) {
  const prompt = promptOf(request);
  if (prompt.includes('Rule:')) return { content: JSON.stringify({ allowed: true, reason: 'It is' }), usage: USAGE };
  const results = request.messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content));
  if (prompt.includes('delegate_work')) {
    const task = /[A-Z]{4,}/.exec(prompt)![0];
    const coworker = /give it to (\w+)/.exec(prompt)![1];
    const context = /<context[^>]*>\n([^<]*)\n/.exec(prompt)?.[1] ?? 'rivers';
    if (results.length === 0)
      return {
        toolCalls: [{ name: 'delegate_work', arguments: JSON.stringify({ coworker, task, context }) }],
        usage: USAGE,
      };
    return { content: `managed ${results[0]}`, usage: USAGE };
  }
  const given = /<context[^>]*>\n([^<]*)\n/.exec(prompt)?.[1] ?? 'rivers';
  return { content: `${/[A-Z]{4,}/.exec(prompt)![0].toLowerCase()}(${given})`, usage: USAGE };
}

beforeAll(async () => {
  provider = await mockProvider(reply, { chunkSize: 8, streamingProfile: { ttft: 250, tps: 80 } });
  bed = await crashBed({ provider });
});
afterAll(() => bed.close());

/** Starts a crew, and kills its worker so often, each time in the middle of a call. */
async function killedOnTheWay(input: object, kills: number): Promise<{ id: string; killed: Kill[] }> {
  const { id } = await bed.cadenza.startUnchecked('crew', input);
  const killed: Kill[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    await new Promise<void>((resolve) => provider.onRequest(resolve));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
    killed.push(await bed.kill());
    await bed.start();
  }
  return { id, killed };
}

test.each<[process: string, kills: number, steps: string[], text: string]>([
  ['sequential', 1, ['research', 'article', 'article/guardrail', 'edit'], 'edit(write(research(rivers)))'],
  [
    'hierarchical',
    2,
    [
      ...['research', 'research/researcher', 'research#2'],
      ...['article', 'article/writer', 'article#2', 'article/guardrail'],
      ...['edit', 'edit/editor', 'edit#2'],
    ],
    'managed edit(managed write(managed research(rivers)))',
  ],
])(
  'a %s crew of researcher, writer and editor streams task by task, and no kill makes it pay twice',
  async (process, kills, steps, text) => {
    const asked = provider.requests().length;
    await bed.start();
    const { id, killed } = await killedOnTheWay({ ...crew, process }, kills);
    expect(await bed.cadenza.result(id)).toMatchObject({ final: { text } });

    const events = await Array.fromAsync(bed.cadenza.events(id));
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => index + 1));
    const completed = events.filter((event) => event.type === 'call.completed');
    expect(completed.map(({ step }) => step)).toEqual(steps);
    expect([...new Set(events.flatMap((event) => (event.type === 'call.delta' ? [event.step] : [])))]).toEqual(
      steps.filter((step) => process === 'sequential' || step.includes('/') || step.endsWith('#2')),
    );
    const requests = provider.requests().slice(asked);
    expect(requests.length).toBeLessThanOrEqual(steps.length + killed.length);
    expect((await bed.cadenza.bill(id)).calls.filter(({ estimated }) => !estimated)).toHaveLength(steps.length);
    // No two calls ask the same, and they are made one after the other.
    const byCall = [...Map.groupBy(requests, ({ text: body }) => body).values()];
    expect(byCall).toHaveLength(steps.length);
    for (const [nth, same] of byCall.entries()) {
      const finishedAt = Date.parse(completed[nth]!.at);
      expect(same.filter(({ at }) => at > finishedAt)).toEqual([]);
      expect(same.length).toBeLessThanOrEqual(1 + killsDuring(killed, same[0]!.at, finishedAt));
    }
    await bed.kill();
  },
);
