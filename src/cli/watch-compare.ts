import cliTruncate from 'cli-truncate';
import { CompareResult, type ModelRef } from '../contract/index.ts';
import { printLine } from './output.ts';
import { layOut } from './views/columns.ts';
import { afterword, besides, finalColumns, liveColumns } from './views/compared.ts';
import { drawLive } from './views/live.ts';
import { count, seconds, usd } from './views/numbers.ts';
import { addLines, NO_LINES } from './views/plain-lines.ts';
import { EMPTY, type Transcript, follow as withEvent } from './views/transcript.ts';
import { follow, printFooter, resultOrFooter, type Watching } from './watch-run.ts';

/** Shows a comparison: side by side in a terminal, line by line in a pipe. */
export async function watchCompare(watching: Watching, models: ModelRef[]): Promise<void> {
  if (process.stdout.isTTY) await inColumns(watching, models);
  else await inLines(watching);
}

async function inColumns(watching: Watching, models: ModelRef[]): Promise<void> {
  let transcript: Transcript = EMPTY;
  const live = drawLive(process.stdout, ({ width, height }) => {
    const now = Date.now();
    const below = besides(models, transcript, now);
    const columns = layOut(liveColumns(models, transcript, now), { width, height: height - (below ? 2 : 0) });
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
  const last = result ? finalColumns(models, transcript, result) : liveColumns(models, transcript, Date.now());
  live.end((size) => layOut(last, size));
  await end(watching, transcript);
}

async function inLines(watching: Watching): Promise<void> {
  let lines = NO_LINES;
  await follow(watching, (event) => {
    const added = addLines(lines, event);
    lines = added.lines;
    for (const line of added.whole) printLine(line);
  });
  const { answers } = CompareResult.parse(await resultOrFooter(watching, lines.transcript));
  for (const answer of answers) {
    if ('error' in answer) {
      printLine(`[${answer.model}] ✗ ${answer.error.type}: ${answer.error.message}`);
      continue;
    }
    const { model, usage, costUsd, totalMs } = answer;
    const took = totalMs === undefined ? [] : [seconds(totalMs)];
    printLine(`[${model}] ✓ ${[`${count(usage.outputTokens)} tokens`, usd(costUsd), ...took].join(' · ')}`);
  }
  await end(watching, lines.transcript);
}

async function end(watching: Watching, transcript: Transcript): Promise<void> {
  const more = afterword(CompareResult.parse(await resultOrFooter(watching, transcript)));
  if (more) printLine(more);
  await printFooter(watching, transcript);
}
