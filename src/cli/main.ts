import { runProgram } from './program.ts';

const exitCode = await runProgram(process.argv);
// Whatever is still open must not keep a finished command; what was written must still get out.
process.stdout.write('', () => process.exit(exitCode));
