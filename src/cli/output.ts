import { styleText } from 'node:util';
import type { Command } from 'commander';

/** True where the command line asks for output that programs read. */
export function wantsJson(command: Command): boolean {
  return command.optsWithGlobals().json === true;
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value ?? null));
}

/** Said to the person beside the output, so that a pipe does not get it. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Dimmed where the terminal can. */
export function quiet(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}

/** Text of a model as a terminal may show it: without control characters, which could move the cursor or forge output. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '').replaceAll('\t', '  ');
}
