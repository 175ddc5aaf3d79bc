import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import type { RunEvent } from '../contract/index.ts';
import { temporalLink } from '../gateway/links.ts';
import { interrupted } from './failure.ts';
import type { Target } from './find-target.ts';
import { onInterrupt } from './interruption.ts';
import { printJson, printLine, quiet } from './output.ts';
import { resultText } from './result-text.ts';
import { footer } from './views/footer.ts';
import type { Transcript } from './views/transcript.ts';
import { hear, SILENCE } from './views/words.ts';

export interface Watching {
  client: Cadenza;
  target: Target;
  id: string;
  /** begin after the event of this number */
  after?: number;
}

/** Follows a run with something that shows its events, to its end.
 *  @throws CliFailure when Ctrl-C ended the watching, CadenzaError when the run has no result */
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

/** The events as they are, one a line. */
export async function watchJson(watching: Watching): Promise<void> {
  await follow(watching, printJson);
  await watching.client.result(watching.id);
}

/** The words as they come, then what they cost. */
export async function watchWords(watching: Watching): Promise<void> {
  let words = SILENCE;
  let spoken = '';
  await follow(watching, (event) => {
    const heard = hear(words, event);
    words = heard.words;
    spoken = (spoken + heard.written).slice(-1);
    process.stdout.write(heard.written);
  });
  if (spoken !== '' && spoken !== '\n') process.stdout.write('\n');
  const result = await resultOrFooter(watching, words.transcript);
  if (words.transcript.calls.every(({ text }) => text === '')) printLine(resultText(result));
  await printFooter(watching, words.transcript);
}

/** A run that failed cost something too. */
export async function resultOrFooter(watching: Watching, transcript: Transcript): Promise<unknown> {
  try {
    return await watching.client.result(watching.id);
  } catch (error) {
    if (error instanceof CadenzaError) await printFooter(watching, transcript).catch(() => {});
    throw error;
  }
}

export async function printFooter({ client, target, id }: Watching, transcript: Transcript): Promise<void> {
  const link = target.uiUrl && temporalLink(id, target.uiUrl, target.namespace);
  printLine(quiet(footer(id, transcript, await client.bill(id), link)));
}
