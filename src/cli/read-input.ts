import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { type ParseError, parse } from 'jsonc-parser';
import { usageError } from './failure.ts';

/** Reads the value of `--input`: JSON as it stands, a file, or `-` for stdin. @throws CliFailure with the place of the mistake */
export async function readInput(given: string): Promise<unknown> {
  if (/^\s*[[{"]/.test(given)) return parseJson(given, '--input');
  if (given === '-') return parseJson(await text(process.stdin), 'stdin');
  return parseJson(readNamed(given), given);
}

function readNamed(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? `There is no file "${file}"` : `The file "${file}" cannot be read (${code})`;
    throw usageError(`${reason}.`, `--input takes JSON, the name of a file, or - for stdin.`);
  }
}

/** @throws CliFailure that shows the line with the mistake, and where in it */
export function parseJson(json: string, source: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    const { line, column, shown } = mistakeIn(json);
    const start = Math.max(0, column - 60);
    const excerpt = `${shown.slice(start, start + 100)}\n  ${' '.repeat(column - 1 - start)}^`;
    throw usageError(`${source} is not JSON: there is a mistake at line ${line}, column ${column}.`, excerpt);
  }
}

/** The first mistake, 1-based. JSON.parse finds it too, but does not always say where. */
function mistakeIn(json: string): { line: number; column: number; shown: string } {
  const errors: ParseError[] = [];
  parse(json, errors, { disallowComments: true });
  const before = json.slice(0, errors[0]?.offset ?? json.length).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1, shown: json.split('\n')[before.length - 1]! };
}
