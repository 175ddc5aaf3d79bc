import { type NewEvent, wellFormed } from '../contract/index.ts';
import { type ProviderChunk, streamRedactor } from '../providers/index.ts';

/** Events of one call that may wait to be written; further text waits in one piece. */
const WRITES_AHEAD = 256;

/**
 * Emits without waiting for the commits. Where the writer is behind, what is said further becomes one event a kind, so
 * that neither the provider waits for the database nor memory fills with events.
 */
export function coalescing(emit: (event: NewEvent) => Promise<void>) {
  const waiting = new Map<string, SpokenEvent>();
  let ahead = 0;
  let failure: { error: unknown } | undefined;
  const send = (event: SpokenEvent) => {
    ahead += 1;
    emit(event).then(
      () => {
        ahead -= 1;
        if (ahead < WRITES_AHEAD) flush();
      },
      (error: unknown) => {
        failure ??= { error };
      },
    );
  };
  const flush = () => {
    const events = [...waiting.values()];
    waiting.clear();
    for (const event of events) send(event);
  };
  return {
    write(event: SpokenEvent) {
      if (failure) throw failure.error;
      if (ahead < WRITES_AHEAD && waiting.size === 0) send(event);
      else waiting.set(keyOf(event), joined(waiting.get(keyOf(event)), event));
    },
    flush,
    /** the database does not take them */
    refused: () => failure !== undefined,
  };
}

type Words = { type: 'call.delta' | 'call.reasoning'; text: string };
type ToolInput = { type: 'call.toolcall'; id: string; name: string; delta: string };
type SpokenEvent = Words | ToolInput;

function keyOf(event: SpokenEvent): string {
  return event.type === 'call.toolcall' ? event.id : event.type;
}

function joined(before: SpokenEvent | undefined, event: SpokenEvent): SpokenEvent {
  if (event.type === 'call.toolcall')
    return { ...event, delta: ((before as ToolInput | undefined)?.delta ?? '') + event.delta };
  return { ...event, text: ((before as Words | undefined)?.text ?? '') + event.text };
}

/** Arguments of tool calls as they come, one text a call. A call whose name is not known yet is told when it is whole. */
export function toolInputs(secrets: string[], write: (event: SpokenEvent) => void) {
  const open = new Map<string, ReturnType<typeof spoken>>();
  return {
    say({ id, name, text }: Extract<ProviderChunk, { type: 'toolInput' }>) {
      if (id === undefined || name === undefined) return;
      const input =
        open.get(id) ??
        spoken('call.delta', secrets, ({ text: delta }) => write({ type: 'call.toolcall', id, name, delta }));
      open.set(id, input);
      input.say(text);
    },
    end() {
      for (const input of open.values()) input.end();
    },
  };
}

/** One kind of words of a call: emitted as they come, kept whole, and never with a secret in them. */
export function spoken(type: Words['type'], secrets: string[], write: (event: Words) => void) {
  const redactor = streamRedactor(secrets);
  const pieces: string[] = [];
  /** the first half of a surrogate pair whose second comes with the next piece */
  let half = '';
  const pass = (text: string) => {
    if (text === '') return;
    pieces.push(text);
    write({ type, text });
  };
  return {
    say(text: string) {
      const said = half + text;
      half = /[\ud800-\udbff]$/.exec(said)?.[0] ?? '';
      pass(redactor.push(wellFormed(said.slice(0, said.length - half.length))));
    },
    end() {
      pass(redactor.push(wellFormed(half)) + redactor.flush());
      half = '';
    },
    whole: () => pieces.join(''),
  };
}
