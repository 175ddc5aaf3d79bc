import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { type ParseError, parse } from 'jsonc-parser';
import { type CliFailure, usageError } from './failure.ts';

/** JSON as it stands: also a number or a word of its own. A file with such a name is `./1`. */
const IS_JSON = /^\s*(?:[[{"]|(?:true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s*$)/;

/** Reads the value of `--input`, or of another flag: JSON as it stands, a file, or `-` for stdin.
 *  @throws CliFailure with the place of the mistake */
export async function readInput(given: string, flag = '--input'): Promise<unknown> {
  if (IS_JSON.test(given)) return parseJson(given, flag);
  if (given === '-') return parseJson(await text(process.stdin), 'stdin');
  return parseJson(readNamed(given, `${flag} takes JSON, the name of a file, or - for stdin.`), given);
}

/** The text of a file that was named on the command line. @throws CliFailure where it cannot be read */
export function readNamed(file: string, hint?: string): string {
  try {
    // Some editors begin a file with a mark.
    return readFileSync(file, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw unreadable(file, error as NodeJS.ErrnoException, hint);
  }
}

/** The same for one that is read later. */
export function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
    if (statSync(file).isDirectory()) throw Object.assign(new Error(), { code: 'EISDIR' });
  } catch (error) {
    throw unreadable(file, error as NodeJS.ErrnoException);
  }
}

function unreadable(file: string, { code }: NodeJS.ErrnoException, hint?: string): CliFailure {
  if (code === 'ENOENT') return usageError(`There is no file "${file}".`, hint);
  return usageError(`"${file}" cannot be read${code === 'EISDIR' ? ': it is a folder' : ` (${code})`}.`, hint);
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
