import { answerStream } from './answer-stream.ts';
import { chatCompletions } from './chat-completions.ts';
import { openAiEmbeddings } from './embeddings.ts';
import { asCallError } from './errors.ts';
import { listModels, openAiClient } from './openai-client.ts';
import type { Provider } from './provider.ts';
import { errorContext, type WireOptions } from './wire.ts';

/** Whatever speaks OpenAI's Chat Completions: Ollama, vLLM, OpenRouter, Groq, Mistral and many more. */
export function openAiCompatible(options: WireOptions & { baseUrl: string }): Provider {
  const client = openAiClient(options);
  const toCallError = (error: unknown, model?: string) => asCallError(error, errorContext(options, model));
  return {
    name: options.name,
    stream: answerStream((call) => chatCompletions(client, call), toCallError),
    embed: (call) => openAiEmbeddings(client, call),
    listModels: (signal) => listModels(client, signal),
    asCallError: toCallError,
  };
}
