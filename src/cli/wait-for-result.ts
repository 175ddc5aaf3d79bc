import type { Cadenza } from '../client/cadenza.ts';
import type { RunEvent } from '../contract/index.ts';
import { onInterrupt } from './interruption.ts';
import { seconds } from './views/numbers.ts';
import { EMPTY, follow, type Transcript } from './views/transcript.ts';
import { stillRunning } from './watch-run.ts';

/** Waits for a run, telling a terminal meanwhile what it does. @throws CadenzaError when it ends without a result */
export async function waitForResult(client: Cadenza, id: string): Promise<unknown> {
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
  const spinner = yoctoSpinner({ stream: process.stderr, text: 'waiting for a worker' }).start();
  const began = Date.now();
  let transcript = EMPTY;
  const tick = setInterval(() => {
    spinner.text = `${progressOf(transcript)} · ${seconds(Math.floor((Date.now() - began) / 100) * 100)}`;
  }, 100);
  try {
    for await (const event of events) transcript = follow(transcript, event);
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
