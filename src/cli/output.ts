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
  printLine(JSON.stringify(value));
}

/** Said to the person beside the output, so that a pipe does not get it. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Dimmed where the terminal can. */
export function quiet(text: string): string {
  return styleText('dim', text, { stream: process.stdout });
}
