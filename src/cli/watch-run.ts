import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import type { RunEvent } from '../contract/index.ts';
import { temporalLink } from '../gateway/links.ts';
import { interrupted } from './failure.ts';
import type { Target } from './find-target.ts';
import { onInterrupt } from './interruption.ts';
import { printLine, quiet } from './output.ts';
import { footer } from './views/footer.ts';
import { EMPTY_STREAM, withStreamed } from './views/stream.ts';
import type { Transcript } from './views/transcript.ts';

export interface Watching {
  client: Cadenza;
  target: Target;
  id: string;
  /** begin after the event of this number */
  after?: number;
}

/** Follows a run with something that shows its events, to its end.
 *  @throws CliFailure when Ctrl-C ended the watching */
export async function follow({ client, id, after }: Watching, show: (event: RunEvent) => void): Promise<void> {
  const interrupt = onInterrupt();
  try {
    for await (const event of client.events(id, { after, signal: interrupt.signal })) {
      show(event);
      if (interrupt.signal.aborted) break;
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
  } finally {
    interrupt.done();
  }
  if (interrupt.signal.aborted) throw stillRunning(id);
}

/** What Ctrl-C leaves behind. */
export function stillRunning(id: string) {
  return interrupted(
    `\nStopped watching. The run goes on: cadenza watch ${id} shows it again, cadenza cancel ${id} stops it.`,
  );
}

/** As much of what was written as an answer is long, characters. */
const MOST_KEPT = 1_000_000;

/** The words of a run as they come. @returns what is known of its calls, and the end of what was written */
export async function watchStream(watching: Watching): Promise<{ transcript: Transcript; written: string }> {
  let stream = EMPTY_STREAM;
  let written = '';
  await follow(watching, (event) => {
    const next = withStreamed(stream, event);
    stream = next.stream;
    // No empty line above the first words.
    const text = written === '' ? next.written.trimStart() : next.written;
    written = (written + text).slice(-MOST_KEPT);
    process.stdout.write(text);
  });
  if (written !== '' && !written.endsWith('\n')) process.stdout.write('\n');
  return { transcript: stream.transcript, written };
}

/** The result, or its error under what the run had cost by then. */
export async function resultOrFooter(watching: Watching, transcript: Transcript): Promise<unknown> {
  try {
    return await watching.client.result(watching.id);
  } catch (error) {
    if (error instanceof CadenzaError) await printFooter(watching, transcript).catch(() => {});
    throw error;
  }
}

export async function printFooter({ client, target, id }: Watching, transcript: Transcript): Promise<void> {
  const link = target.uiUrl && temporalLink(await client.show(id), target.uiUrl, target.namespace);
  printLine(quiet(footer(id, transcript, await client.bill(id), link)));
}
