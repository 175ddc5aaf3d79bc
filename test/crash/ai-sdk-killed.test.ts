import path from 'node:path';
import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { type MockProvider, mockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';
import { untilEvent } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

let provider: MockProvider;
let bed: CrashBed;
beforeAll(async () => {
  provider = await mockProvider(reply);
  bed = await crashBed({
    provider,
    workflow: 'journey',
    workflows: path.join(import.meta.dirname, 'ai-sdk-workflows.ts'),
  });
});
afterAll(() => bed.close());

/** Two cities, one after the other, then words. */
function reply(request: ChatCompletionRequest): FixtureResponse {
  const results = request.messages.filter(({ role }) => role === 'tool');
  const prompt = promptOf(request);
  if (prompt.startsWith('as an object')) return { content: '{"cities":2}', usage: USAGE };
  if (prompt.startsWith('streamed')) return { content: `answer to: ${prompt}`, usage: USAGE };
  const city = ['Rome', 'Bern'][results.length];
  if (city) return { toolCalls: [{ name: 'weather', arguments: JSON.stringify({ city }) }], usage: USAGE };
  return { content: `done: ${results.map(({ content }) => content).join(' | ')}`, usage: USAGE };
}

test('generateText and streamText in a workflow go on where they were when the worker is killed between two calls, and pay nothing twice', async () => {
  await bed.start();
  const { id } = await bed.cadenza.startUnchecked('journey', 'A journey', { id: `journey-${Date.now()}` });
  const connection = await Connection.connect({ address: process.env.CADENZA_TEST_TEMPORAL_ADDRESS! });
  const handle = new Client({ connection }).workflow.getHandle(id);
  for (const step of ['plan', 'plan#2']) {
    await untilEvent(bed.cadenza, id, 'call.completed', (event) => event.step === step);
    if (step === 'plan#2') {
      await bed.kill();
      await bed.start();
    }
    await handle.signal('goOn');
  }
  expect(await bed.cadenza.result(id)).toEqual({
    text: 'done: sunny in Rome | sunny in Bern',
    steps: 3,
    tokens: 90,
    cost: { costUsd: expect.any(Number) },
    output: { cities: 2 },
    words: 'answer to: streamed: A journey',
  });
  expect(provider.requests()).toHaveLength(5);
  const { calls } = await bed.cadenza.bill(id);
  expect(calls.map(({ step }) => step)).toEqual(['plan', 'plan#2', 'plan#3', 'object', 'stream']);
  await connection.close();
});
