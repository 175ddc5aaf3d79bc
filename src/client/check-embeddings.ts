import { DEFAULT_EMBEDDINGS, type ModelRef } from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';

/** @throws ProviderError where the provider is not there, makes none, or would be asked from here without a key */
export function checkEmbeddings(
  providers: OpenRooms['providers'],
  model: ModelRef = DEFAULT_EMBEDDINGS,
  path: string,
): void {
  const provider = providers.keysElsewhere ? providers.find(model) : providers.open(model);
  if (!provider || provider.embed) return;
  const message = `${provider.name} makes no embeddings. Use a model of openai, gemini or an OpenAI-compatible provider, or ${DEFAULT_EMBEDDINGS}. In ${path}.`;
  throw new ProviderError({ type: 'InvalidRequest', message, provider: provider.name, model, path });
}
