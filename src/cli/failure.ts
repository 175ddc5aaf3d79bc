import { CommanderError } from 'commander';
import { CadenzaError, IS_IT_RUNNING, isStoreError } from '../client/errors.ts';

export const EXIT = { success: 0, failure: 1, usage: 2, interrupted: 130 } as const;

/** Why a command ends without success, in words for the person at the terminal. */
export class CliFailure extends Error {
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(message: string, { hint, exitCode = EXIT.failure }: { hint?: string; exitCode?: number } = {}) {
    super(message);
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

/** What was typed cannot be used. */
export function usageError(message: string, hint?: string): CliFailure {
  return new CliFailure(message, { hint, exitCode: EXIT.usage });
}

/** Ctrl-C: not a failure of the run, but no success of the command either. */
export function interrupted(message: string): CliFailure {
  return new CliFailure(message, { exitCode: EXIT.interrupted });
}

export interface Described {
  type: string;
  message: string;
  hint?: string;
  path?: string;
  step?: string;
  exitCode: number;
}

const NO_COMMAND = { message: 'No command is named.', hint: 'They are shown with --help' };

/** Everything a person, or with `--json` a program, is told of an error. */
export function describe(thrown: unknown): Described {
  if (thrown instanceof CliFailure) {
    const { message, hint, exitCode } = thrown;
    return { type: typeOf(exitCode), message, hint, exitCode };
  }
  if (thrown instanceof CadenzaError) {
    const { type, message, hint, path, step } = thrown.error;
    const exitCode = thrown.code === 'InvalidRequest' ? EXIT.usage : EXIT.failure;
    return {
      type: thrown.code === 'NotFound' || thrown.code === 'Conflict' ? thrown.code : type,
      message,
      hint,
      path,
      step,
      exitCode,
    };
  }
  if (thrown instanceof CommanderError) {
    // Help is what they get who name no command.
    if (thrown.message === '(outputHelp)') return { type: 'InvalidRequest', ...NO_COMMAND, exitCode: EXIT.usage };
    const message = thrown.message.replace(/^error: /, '');
    return { type: 'InvalidRequest', message, exitCode: EXIT.usage };
  }
  if (isStoreError(thrown)) {
    return { type: 'Unavailable', message: thrown.message, hint: IS_IT_RUNNING, exitCode: EXIT.failure };
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { type: 'Error', message, exitCode: EXIT.failure };
}

function typeOf(exitCode: number): string {
  if (exitCode === EXIT.usage) return 'InvalidRequest';
  return exitCode === EXIT.interrupted ? 'Interrupted' : 'Error';
}
