import type { Command } from 'commander';
import { CliFailure } from '../failure.ts';
import { findTarget } from '../find-target.ts';
import { startOwnProgram } from '../own-program.ts';

export function configure(command: Command): void {
  command
    .argument('<program...>', 'it, and its arguments')
    .addHelpText('after', '\nExample:\n  $ cadenza exec -- node src/worker.ts')
    .action(async (program: string[]) => {
      const { ended, signal: pass } = startOwnProgram(program, findTarget(process.env));
      // From a terminal Ctrl-C reaches the program too, which then ends when it is ready to.
      process.on('SIGINT', () => {});
      for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.on(signal, () => pass('SIGTERM'));
      const exitCode = await ended;
      if (exitCode !== 0) throw new CliFailure(`${program[0]} ended with ${exitCode}`, { exitCode });
    });
}
