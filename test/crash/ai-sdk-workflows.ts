// Before `ai`, which wants what the sandbox lacks: this import stays the first one.
import 'cadenza/ai-sdk/workflow';

import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import { generateText, isStepCount, Output, streamText, tool } from 'ai';
import { workflowModel } from 'cadenza/ai-sdk/workflow';
import { z } from 'zod';

const MODEL = 'openai/gpt-6-sol';

/** Lets the next tool go on. */
export const goOn = defineSignal('goOn');

/** Code on the AI SDK as it stands in its documentation, in a workflow. */
export async function journey(prompt: string): Promise<unknown> {
  let allowed = 0;
  let begun = 0;
  setHandler(goOn, () => {
    allowed += 1;
  });
  const weather = tool({
    description: 'The weather of a city.',
    inputSchema: z.object({ city: z.string() }),
    async execute({ city }) {
      begun += 1;
      const mine = begun;
      await condition(() => allowed >= mine);
      return `sunny in ${city}`;
    },
  });
  const { text, steps, totalUsage, finalStep } = await generateText({
    model: workflowModel(MODEL, { step: 'plan' }),
    prompt,
    tools: { weather },
    stopWhen: isStepCount(5),
  });
  const { output } = await generateText({
    model: workflowModel(MODEL, { step: 'object' }),
    prompt: `as an object: ${prompt}`,
    output: Output.object({ schema: z.object({ cities: z.number() }) }),
  });
  const streamed = streamText({ model: workflowModel(MODEL, { step: 'stream' }), prompt: `streamed: ${prompt}` });
  let words = '';
  for await (const delta of streamed.textStream) words += delta;
  return {
    text,
    steps: steps.length,
    tokens: totalUsage.totalTokens,
    cost: finalStep.providerMetadata?.cadenza,
    output,
    words,
  };
}
