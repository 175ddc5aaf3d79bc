import type { Cadenza } from '../client/cadenza.ts';
import type { ModelRef, RunEvent } from '../contract/index.ts';
import { onInterrupt } from './interruption.ts';
import { printJson, printLine } from './output.ts';
import { seconds } from './views/numbers.ts';
import { blockText, type ResultView, resultView, viewText } from './views/results.ts';
import { EMPTY_TRANSCRIPT, type Transcript, withEvent } from './views/transcript.ts';
import { watchCompare } from './watch-compare.ts';
import { follow, printFooter, resultOrFooter, stillRunning, type Watching, watchStream } from './watch-run.ts';

export interface ShownRun extends Watching {
  pattern: string;
  /** of a comparison, where they are known */
  models?: ModelRef[];
}

export interface Showing {
  /** as it runs; else the result alone, once it is there */
  watch: boolean;
  /** lines for programs: the events, where it is watched, and the result, which is the last line */
  json: boolean;
}

/** Shows a run to its end: how the answer came about, and then the answer. @throws CadenzaError when it has no result */
export async function showRun(run: ShownRun, { watch, json }: Showing): Promise<void> {
  if (json) {
    if (watch) await follow(run, printJson);
    printJson(await waitForResult(run));
  } else if (watch) await watchRun(run);
  else printLine(viewText(await resultView(run.pattern, await waitForResult(run), run)));
}

async function watchRun(run: ShownRun): Promise<void> {
  if (run.pattern === 'compare') return watchCompare(run, run.models);
  if (run.pattern === 'map') return watchProgress(run, 'rows');
  if (run.pattern === 'ingest') return watchProgress(run, 'documents');
  const { transcript, written } = await watchStream(run);
  const view = await resultView(run.pattern, await resultOrFooter(run, transcript), run);
  const rest = unwritten(view, transcript, written);
  if (rest !== '') printLine(rest);
  await printFooter(run, transcript);
}

/** What of a view is not on the screen yet. @param written the end of what is */
function unwritten(view: ResultView, { calls }: Transcript, written: string): string {
  const { answer } = view;
  if (written.trim() === '') return viewText(view);
  if (answer === undefined || written.trimEnd().endsWith(answer.text.trimEnd())) return '';
  // A merged answer ends with its sources, which no model has said.
  const said = calls.findLast(({ text }) => text !== '')?.text.trimEnd();
  const isBegun = said !== undefined && written.trimEnd().endsWith(said) && answer.text.startsWith(said);
  return isBegun ? answer.text.slice(said.length).trim() : `\n${blockText(answer)}`;
}

async function watchProgress(run: ShownRun, of: 'rows' | 'documents'): Promise<void> {
  const { drawProgress } = await import('./views/map-progress.ts');
  const bar = drawProgress(of);
  let transcript: Transcript = EMPTY_TRANSCRIPT;
  try {
    await follow(run, (event) => {
      transcript = withEvent(transcript, event);
      if (event.type === 'map.progress' || event.type === 'ingest.progress') bar.show(event);
    });
  } finally {
    bar.stop();
  }
  printLine(viewText(await resultView(run.pattern, await resultOrFooter(run, transcript), run)));
  await printFooter(run, transcript);
}

/** Waits for a run, telling a terminal meanwhile what it does. */
async function waitForResult({ client, id }: { client: Cadenza; id: string }): Promise<unknown> {
  const interrupt = onInterrupt();
  const interruption = new Promise<never>((_, reject) => {
    interrupt.signal.addEventListener('abort', () => reject(stillRunning(id)));
  });
  const ended = new AbortController();
  const signal = AbortSignal.any([interrupt.signal, ended.signal]);
  const progress = process.stderr.isTTY ? showProgress(client.events(id, { signal })) : undefined;
  try {
    return await Promise.race([client.result(id), interruption]);
  } finally {
    ended.abort();
    interrupt.done();
    await progress;
  }
}

async function showProgress(events: AsyncIterable<RunEvent>): Promise<void> {
  const { default: yoctoSpinner } = await import('yocto-spinner');
  // Ctrl-C is ours to answer: the spinner would end the process before the id of the run is said.
  const spinner = yoctoSpinner({ stream: process.stderr, text: 'waiting for a worker', handleSignals: false }).start();
  const began = Date.now();
  let transcript = EMPTY_TRANSCRIPT;
  let rows = '';
  const tick = setInterval(() => {
    const elapsed = seconds(Math.floor((Date.now() - began) / 100) * 100);
    spinner.text = `${rows || progressOf(transcript)} · ${elapsed}`;
  }, 100);
  try {
    for await (const event of events) {
      transcript = withEvent(transcript, event);
      if (event.type === 'map.progress') rows = `${event.done + event.failed} of ${event.total} rows`;
      if (event.type === 'ingest.progress') {
        rows = `${event.done + event.skipped + event.failed} of ${event.total} documents`;
      }
    }
  } catch {
    // The result says what went wrong.
  } finally {
    clearInterval(tick);
    spinner.stop();
  }
}

function progressOf({ calls }: Transcript): string {
  const now = calls.filter(({ phase }) => phase !== 'done' && phase !== 'failed');
  if (now.length > 0) return now.map(({ step, model, phase }) => `${step}: ${model} ${phase}`).join(', ');
  return calls.length === 0 ? 'starting' : `${calls.length} ${calls.length === 1 ? 'call' : 'calls'} made`;
}
