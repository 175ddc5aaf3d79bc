import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Cadenza } from '../client/cadenza.ts';
import { CadenzaError } from '../client/errors.ts';
import { type MapItem, MapResult } from '../contract/index.ts';
import { CliFailure } from './failure.ts';
import { plainText, printJson, printLine, printNote } from './output.ts';
import { isSystemError } from './output-file.ts';
import { drawProgress } from './views/map-progress.ts';
import { count, usd } from './views/numbers.ts';
import { follow, type Watching } from './watch-run.ts';

/** Failed rows that are shown; the others are in the output. */
const SHOWN = 5;

/** Follows a map with a bar, then writes its results; for programs the last line is what came of it all. @throws CliFailure where rows failed */
export async function watchMap(watching: Watching, { out, json }: { out?: string; json: boolean }): Promise<void> {
  const { client, id } = watching;
  if (!json) printNote(`Run ${id}`);
  const bar = json ? undefined : drawProgress();
  try {
    await follow(watching, (event) => {
      if (event.type === 'map.progress') bar?.show(event);
    });
  } finally {
    bar?.stop();
  }
  const result = await resultOf(client, id, out);
  const unwritten = await write(client, id, out);
  const { totalUsd } = await client.bill(id);
  if (json) printJson({ id, ...result, out: unwritten ? undefined : out });
  if (unwritten)
    throw new CliFailure(unwritten, { hint: `They are kept. Write them with: ${againOf(id)} --out <file>` });
  const tell = out === undefined ? printNote : printLine;
  const where = out === undefined ? '' : ` · ${out}`;
  if (!json) tell(`${count(result.done)} rows done, ${count(result.failed)} failed · ${usd(totalUsd)}${where}`);
  if (result.failed > 0) throw await failedRows(client, id, result.failed);
}

/** A map that was stopped has results too. */
async function resultOf(client: Cadenza, id: string, out: string | undefined): Promise<MapResult> {
  try {
    return MapResult.parse(await client.result(id));
  } catch (error) {
    if (!(error instanceof CadenzaError) || error.code === 'NotReachable') throw error;
    const unwritten = await write(client, id, out);
    const hint = `${unwritten ?? 'The rows that were finished are written.'} Go on with: ${againOf(id, out)}`;
    throw new CliFailure(error.message, { hint });
  }
}

const againOf = (id: string, out?: string) => `cadenza map --resume ${id}${out === undefined ? '' : ` --out ${out}`}`;

/** @returns what was in the way of writing it all */
async function write(client: Cadenza, id: string, out: string | undefined): Promise<string | undefined> {
  const lines = Readable.from(linesOf(client.output(id)));
  try {
    if (out !== undefined) await pipeline(lines, createWriteStream(out));
    else await pipeline(lines, process.stdout, { end: false });
    return undefined;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    return `The rows of ${id} could not be written to ${out ?? 'stdout'} (${error.code}).`;
  }
}

async function* linesOf(items: AsyncIterable<MapItem>): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(item)}\n`;
}

async function failedRows(client: Cadenza, id: string, failed: number): Promise<CliFailure> {
  const { items } = await client.items(id, { status: 'failed', limit: SHOWN });
  const lines = items.map(({ row, error }) => `row ${row}: ${error?.type}, ${plainText(error?.message ?? '')}`);
  const more = failed > items.length ? [`and ${failed - items.length} more`] : [];
  const hint = [...lines, ...more, `Run them alone with: cadenza map --retry-failed ${id}`].join('\n  ');
  return new CliFailure(`${count(failed)} ${failed === 1 ? 'row' : 'rows'} failed.`, { hint });
}
