import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import type { RunEvent } from '../../src/contract/index.ts';
import { defineTool } from '../../src/tools/index.ts';
import { mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { type TestBed, testBed } from '../setup/test-bed.ts';
import { until } from '../setup/until.ts';

type Call = { name: string; arguments: Record<string, unknown> };

/** What the model says next, by how many tool results the conversation holds: tool calls first, then words. */
function script(turns: Call[][], end = 'done'): (request: ChatCompletionRequest) => FixtureResponse {
  return (request) => {
    const results = request.messages.filter(({ role }) => role === 'tool').length;
    let seen = 0;
    for (const calls of turns) {
      if (results === seen)
        return {
          toolCalls: calls.map(({ name, arguments: args }) => ({ name, arguments: JSON.stringify(args) })),
          usage: USAGE,
        };
      seen += calls.length;
    }
    return { content: `${end}: ${toolTexts(request).join(' | ')}`, usage: USAGE };
  };
}

function toolTexts(request: ChatCompletionRequest): string[] {
  return request.messages.filter(({ role }) => role === 'tool').map(({ content }) => String(content));
}

const calls: Record<string, unknown>[] = [];
let failures = 0;
const tools = [
  defineTool({
    name: 'weather',
    description: 'The weather of a city.',
    input: z.object({ city: z.string() }),
    replay: 'safe',
    run: ({ city }) => {
      calls.push({ weather: city });
      return `sunny in ${city}`;
    },
  }),
  defineTool({
    name: 'book',
    description: 'Books a hotel.',
    input: z.object({ city: z.string(), nights: z.number().int().positive() }),
    approval: 'always',
    run: ({ city, nights }) => {
      calls.push({ book: city, nights });
      return { booked: city, nights };
    },
  }),
  defineTool({
    name: 'broken',
    description: 'Always fails.',
    input: z.object({}),
    run: () => {
      failures += 1;
      throw new Error('the machine is out of paper');
    },
  }),
];

describe.each(['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3-flash-preview'])(
  'an agent on %s',
  (model) => {
    let bed: TestBed;
    beforeAll(async () => {
      const provider = await mockProvider((request) => {
        const prompt = promptOf(request);
        if (prompt.includes('two cities'))
          return script([
            [
              { name: 'weather', arguments: { city: 'Rome' } },
              { name: 'weather', arguments: { city: 'Oslo' } },
            ],
            [{ name: 'weather', arguments: { city: 'Bern' } }],
          ])(request);
        return { content: `answer to: ${prompt}`, usage: USAGE };
      });
      bed = await testBed({ provider, config: { tools } });
    });
    afterAll(() => bed.close());

    test('uses tools at once, turn by turn, and answers', async () => {
      calls.length = 0;
      const run = await bed.client.start('agent', {
        task: 'The weather of two cities',
        tools: ['weather'],
        policy: model,
      });
      const result = await run.result();
      expect(result).toMatchObject({
        text: 'done: sunny in Rome | sunny in Oslo | sunny in Bern',
        steps: 3,
        stopReason: 'done',
        toolCalls: [
          { tool: 'weather', step: 'agent/weather' },
          { tool: 'weather', step: 'agent/weather#2' },
          { tool: 'weather', step: 'agent/weather#3' },
        ],
      });
      expect(calls).toEqual([{ weather: 'Rome' }, { weather: 'Oslo' }, { weather: 'Bern' }]);
      const events = await bed.eventsOf(run.id);
      expect(told(events, 'tool.completed').map(({ result: text }) => text)).toEqual([
        'sunny in Rome',
        'sunny in Oslo',
        'sunny in Bern',
      ]);
    });
  },
);

function told<Type extends RunEvent['type']>(events: RunEvent[], type: Type): Extract<RunEvent, { type: Type }>[] {
  return events.filter((event): event is Extract<RunEvent, { type: Type }> => event.type === type);
}
void until;
void failures;
