import type { ProviderConfig } from '../config/index.ts';
import { asCallError } from './errors.ts';
import type { BatchWire, Provider } from './provider.ts';
import { errorContext, type WireOptions } from './wire.ts';

type Kind = ProviderConfig['kind'];
type Open = (options: WireOptions) => Provider;

/** The wire of each kind of provider, in a file of its own with the SDK it needs. */
const WIRES: Record<Kind, () => Promise<Open>> = {
  openai: async () => (await import('./openai.ts')).openAi,
  anthropic: async () => (await import('./anthropic.ts')).anthropic,
  gemini: async () => (await import('./gemini.ts')).gemini,
  'openai-compatible': async () => {
    const { openAiCompatible } = await import('./openai-compatible.ts');
    return (options) => openAiCompatible({ ...options, baseUrl: options.baseUrl! });
  },
};

/** Opens a wire. Its SDK is loaded when it is first asked: a command that lists runs waits for none of them. */
export function openLate(kind: Kind, options: WireOptions): Provider {
  let opened: Promise<Provider> | undefined;
  const open = () => {
    opened ??= WIRES[kind]().then((wire) => wire(options));
    return opened;
  };
  return {
    name: options.name,
    kind,
    async *stream(call) {
      yield* (await open()).stream(call);
    },
    ...(kind === 'anthropic' ? {} : { embed: async (call) => (await open()).embed!(call) }),
    ...(kind === 'openai-compatible' ? {} : { batches: lateBatches(async () => (await open()).batches!) }),
    ...(kind === 'openai'
      ? {
          background: {
            cancel: async (id: string, signal: AbortSignal) => (await open()).background!.cancel(id, signal),
          },
        }
      : {}),
    listModels: async (signal) => (await open()).listModels(signal),
    asCallError: (error, model) => asCallError(error, errorContext(options, model)),
  };
}

/** Loads the SDKs of these kinds of providers, of all where none is named. */
export async function loadWires(kinds: Kind[]): Promise<void> {
  const wanted = kinds.length > 0 ? new Set(kinds) : (Object.keys(WIRES) as Kind[]);
  await Promise.all(Array.from(wanted, (kind) => WIRES[kind]()));
}

function lateBatches(open: () => Promise<BatchWire>): BatchWire {
  return {
    laneOf: async (call) => (await open()).laneOf(call),
    isThere: async (signal) => (await open()).isThere(signal),
    submit: async (batch, signal) => (await open()).submit(batch, signal),
    find: async (batch, signal) => (await open()).find(batch, signal),
    hasEnded: async (id, signal) => (await open()).hasEnded(id, signal),
    async *results(id, mark, signal) {
      yield* (await open()).results(id, mark, signal);
    },
    cancel: async (id, signal) => (await open()).cancel(id, signal),
  };
}
