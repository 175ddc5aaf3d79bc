import type { ToolCall } from '../contract/index.ts';
import type { Rooms } from './rooms.ts';

/** Characters of a result a model gets; longer ones become a file of the run, of which it gets the beginning. */
const LONGEST_RESULT = 16_000;
const PREVIEW = 4_000;

/** What a model reads of a tool's result: text as it is, anything else as JSON. */
export async function toolResult(
  { store }: Rooms,
  { run, step, tool }: ToolCall,
  result: unknown,
): Promise<{ text: string }> {
  const text = typeof result === 'string' ? result : (JSON.stringify(result, null, 1) ?? '(no result)');
  if (text.length <= LONGEST_RESULT) return { text };
  const name = `results/${step.replaceAll('/', '-')}-${tool}.txt`.replace(/[^\w./#-]/g, '_');
  const file = { name, mediaType: 'text/plain', bytes: Buffer.from(text) };
  await store.files.write(run.chain, run.id, file);
  const note = `[The first ${PREVIEW} of ${text.length} characters. All of it is the run's file "${name}": read it in pieces with the tool files.]`;
  return { text: `${text.slice(0, PREVIEW)}\n\n${note}` };
}
