import { isOutage, type Passage, type ToolCall } from '../contract/index.ts';
import { ProviderError } from '../providers/index.ts';
import { type RunFiles, type Tool, type ToolContext, ToolFailure } from '../tools/index.ts';
import { createFindPassages } from './documents/find-passages.ts';
import type { Rooms } from './rooms.ts';

/** What a tool is given besides its arguments. */
export function toolContext(
  rooms: Rooms,
  call: ToolCall,
  tool: Tool,
  signal: AbortSignal,
  idempotencyKey: string,
): ToolContext {
  const { tools, log, env } = rooms;
  return {
    signal,
    run: call.run,
    step: call.step,
    idempotencyKey,
    fetch: tools.fetchFor(tool, call.reach, signal),
    files: filesOf(rooms, call),
    documents: { search: (query) => passagesFor(rooms, call, query, signal) },
    log,
    env,
    async call(name, args) {
      const other = call.tools.includes(name) ? await tools.find(name) : undefined;
      if (!other?.run) throw refused(`This agent has no tool named ${name}`);
      if (other.replay !== 'safe' || other.approval !== 'never' || other.name === tool.name)
        throw refused(`The tool ${name} cannot be called from here: it changes something, or needs an approval`);
      const checked = await other.check(args);
      if ('problem' in checked) throw refused(`${name}: ${checked.problem}`);
      return other.run(checked.args, toolContext(rooms, call, other, signal, idempotencyKey));
    },
  };
}

async function passagesFor(
  rooms: Rooms,
  { run, step }: ToolCall,
  { collection, ...query }: Parameters<ToolContext['documents']['search']>[0],
  signal: AbortSignal,
): Promise<Passage[]> {
  try {
    const named = { ...query, collection: collection ?? (await onlyCollection(rooms, run.tenant)) };
    const { passages } = await createFindPassages(rooms)({ run, step: `${step}/search`, query: named, signal });
    return passages;
  } catch (thrown) {
    if (!(thrown instanceof ProviderError)) throw thrown;
    throw new ToolFailure(thrown.error, { retryable: isOutage(thrown.error.type) });
  }
}

async function onlyCollection({ store }: Rooms, tenant = ''): Promise<string> {
  const names = await store.documents.names(tenant);
  if (names.length === 1) return names[0]!;
  const message =
    names.length === 0
      ? 'There are no documents'
      : `Say which collection is searched: ${names.slice(0, 20).join(', ')}`;
  throw new ToolFailure({ type: 'InvalidRequest', message });
}

function refused(message: string): ToolFailure {
  return new ToolFailure({ type: 'ToolDenied', message });
}

function filesOf({ store }: Rooms, { run }: ToolCall): RunFiles {
  return {
    list: () => store.files.list(run.chain),
    read: (name) => store.files.read(run.chain, name),
    write: (name, content, mediaType = 'text/plain') =>
      store.files.write(run.chain, run.id, { name, mediaType, bytes: Buffer.from(content) }),
  };
}
