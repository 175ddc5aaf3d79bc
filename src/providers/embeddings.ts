import type { GoogleGenAI } from '@google/genai';
import type { OpenAI } from 'openai';
import { type ModelRef, modelIdOf, type Usage, wellFormed } from '../contract/index.ts';
import type { EmbedCall, Embedded, Provider } from './provider.ts';
import { estimateTokens } from './tokens.ts';
import { ProviderError } from './wire.ts';

/** Texts one request may hold: OpenAI takes 2,048, Gemini 100. */
const OPENAI_BATCH = 1_000;
const GEMINI_BATCH = 100;

/**
 * Vectors of texts, in their order, by the embeddings endpoint of the model's provider.
 * @param model `provider/model`, e.g. `openai/text-embedding-3-small`
 * @throws ProviderError InvalidRequest where the provider has no embeddings; else the SDK's error (see `asCallError`)
 */
export async function embed(
  provider: Provider,
  model: ModelRef,
  texts: string[],
  signal: AbortSignal,
): Promise<Embedded> {
  if (!provider.embed) {
    throw new ProviderError({
      type: 'InvalidRequest',
      message: `${provider.name} makes no embeddings. Use a model of openai, gemini or an OpenAI-compatible provider, or sandbox/words.`,
      provider: provider.name,
      model,
    });
  }
  const embedded = await provider.embed({ model: modelIdOf(model), texts: wellFormed(texts), signal });
  if (embedded.vectors.length === texts.length) return embedded;
  throw new ProviderError({
    type: 'Unavailable',
    message: `${model} gave ${embedded.vectors.length} vectors for ${texts.length} texts`,
    provider: provider.name,
    model,
  });
}

/** By OpenAI's `/embeddings`, which compatible endpoints have too. */
export async function openAiEmbeddings(client: OpenAI, { model, texts, signal }: EmbedCall): Promise<Embedded> {
  return inBatches(texts, OPENAI_BATCH, async (input) => {
    // Said, since the SDK otherwise asks for base64, which not every compatible endpoint knows.
    const { data, usage } = await client.embeddings.create({ model, input, encoding_format: 'float' }, { signal });
    const vectors = [...data].sort((a, b) => a.index - b.index).map(({ embedding }) => embedding);
    return { vectors, usage: { inputTokens: usage?.prompt_tokens || tokensOf(input), outputTokens: 0 } };
  });
}

/** By Gemini's `batchEmbedContents`. It counts no tokens; they are estimated. */
export async function geminiEmbeddings(client: GoogleGenAI, { model, texts, signal }: EmbedCall): Promise<Embedded> {
  return inBatches(texts, GEMINI_BATCH, async (contents) => {
    const { embeddings = [] } = await client.models.embedContent({ model, contents, config: { abortSignal: signal } });
    const vectors = embeddings.map(({ values = [] }) => values);
    return { vectors, usage: { inputTokens: tokensOf(contents), outputTokens: 0 } };
  });
}

async function inBatches(
  texts: string[],
  size: number,
  embedSome: (texts: string[]) => Promise<Embedded>,
): Promise<Embedded> {
  const vectors: number[][] = [];
  const usage: Usage = { inputTokens: 0, outputTokens: 0 };
  for (let start = 0; start < texts.length; start += size) {
    const batch = await embedSome(texts.slice(start, start + size));
    vectors.push(...batch.vectors);
    usage.inputTokens += batch.usage.inputTokens;
  }
  return { vectors, usage };
}

function tokensOf(texts: string[]): number {
  return texts.reduce((sum, text) => sum + estimateTokens(text), 0);
}
