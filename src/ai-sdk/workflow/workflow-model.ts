import type { LanguageModelV4 } from '@ai-sdk/provider';
import { generate } from '../../workflows/index.ts';
import { questionOf } from '../model-request.ts';
import { generateResult, streamParts } from '../model-result.ts';

export interface WorkflowModelOptions {
  /** how its calls are named in the run; left out, `generate` */
  step?: string;
}

/**
 * A model for `generateText` and `streamText` in a workflow: each call is the step `generate`, with its policy, journal,
 * ledger and events. What is said streams to the run's events; to the workflow it comes whole.
 * @param model a policy or alias of the config, `default`, or models in order: `openai/gpt-6-sol,anthropic/claude-sonnet-5-5`
 */
export function workflowModel(model = 'default', { step = 'generate' }: WorkflowModelOptions = {}): LanguageModelV4 {
  const doGenerate: LanguageModelV4['doGenerate'] = async (options) => {
    const { question, warnings } = questionOf(model, options);
    return generateResult(await generate({ step, ...question }), warnings);
  };
  return {
    specificationVersion: 'v4',
    provider: 'cadenza',
    modelId: model,
    // Whatever is given by address is asked for by the provider, or by the worker.
    supportedUrls: { '*/*': [/^https?:/] },
    doGenerate,
    async doStream(options) {
      const parts = streamParts(await doGenerate(options));
      return {
        stream: new ReadableStream({
          start(controller) {
            for (const part of parts) controller.enqueue(part);
            controller.close();
          },
        }),
      };
    },
  };
}
