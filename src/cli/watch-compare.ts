import cliTruncate from 'cli-truncate';
import { CompareResult, type ModelRef } from '../contract/index.ts';
import { printLine } from './output.ts';
import { layOut } from './views/columns.ts';
import { answeringModels, callOf, finalColumns, liveColumns, markingStatus } from './views/compared.ts';
import { drawLive } from './views/live.ts';
import { count, seconds, usd } from './views/numbers.ts';
import { NO_LINES, withLines } from './views/plain-lines.ts';
import { resultView, viewText } from './views/results.ts';
import { EMPTY_TRANSCRIPT, type Transcript, withEvent } from './views/transcript.ts';
import { follow, printFooter, resultOrFooter, type Watching } from './watch-run.ts';

/** Shows a comparison: side by side in a terminal, line by line in a pipe. @param models in the order to show them */
export async function watchCompare(watching: Watching, models?: ModelRef[]): Promise<void> {
  const transcript = process.stdout.isTTY ? await inColumns(watching, models) : await inLines(watching);
  const result = await resultOrFooter(watching, transcript);
  // The answers are on the screen; what was said of them, and the one that came of it, are not.
  const rest = viewText({ ...(await resultView('compare', result, watching)), story: [] });
  if (rest !== '') printLine(rest);
  await printFooter(watching, transcript);
}

async function inColumns(watching: Watching, given?: ModelRef[]): Promise<Transcript> {
  let transcript: Transcript = EMPTY_TRANSCRIPT;
  const models = () => given ?? answeringModels(transcript);
  const live = drawLive(process.stdout, ({ width, height }) => {
    const now = Date.now();
    const below = markingStatus(models(), transcript, now);
    const columns = layOut(liveColumns(models(), transcript, now), { width, height: height - (below ? 2 : 0) });
    return below ? `${columns}\n\n${cliTruncate(below, width)}` : columns;
  });
  try {
    await follow(watching, (event) => {
      transcript = withEvent(transcript, event);
    });
  } catch (error) {
    live.stop();
    throw error;
  }
  const result = await watching.client.result(watching.id).then(CompareResult.parse, () => undefined);
  const last = result ? finalColumns(models(), transcript, result) : liveColumns(models(), transcript, Date.now());
  live.end((size) => layOut(last, size));
  return transcript;
}

async function inLines(watching: Watching): Promise<Transcript> {
  let lines = NO_LINES;
  await follow(watching, (event) => {
    const next = withLines(lines, event);
    lines = next.lines;
    for (const line of next.whole) printLine(line);
  });
  const { answers } = CompareResult.parse(await resultOrFooter(watching, lines.transcript));
  for (const answer of answers) {
    if ('error' in answer) {
      printLine(`[${answer.model}] ✗ ${answer.error.type}: ${answer.error.message}`);
      continue;
    }
    const { model, usage, costUsd, totalMs } = answer;
    // The times of a cached answer are those of the call it came from.
    const cached = callOf(lines.transcript, model)?.cached;
    const took = cached ? ['from the cache'] : totalMs === undefined ? [] : [seconds(totalMs)];
    printLine(`[${model}] ✓ ${[`${count(usage.outputTokens)} tokens`, usd(costUsd), ...took].join(' · ')}`);
  }
  return lines.transcript;
}
