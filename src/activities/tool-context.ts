import type { ToolCall } from '../contract/index.ts';
import { type RunFiles, type Tool, type ToolContext, ToolFailure } from '../tools/index.ts';
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
