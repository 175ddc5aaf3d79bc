/** Runs in a thread of its own, and there in the sandbox: an expression may take all time and memory there is. */
import { readFileSync } from 'node:fs';
import { answerJobs } from '../aside/answer-jobs.ts';
import { openSandbox, type SandboxLimits } from '../sandbox/sandbox.ts';

const LONGEST_RESULT = 20_000;

answerJobs<SandboxLimits, string, string>(async (limits) => {
  const sandbox = await openSandbox({ ...limits, computeMs: Number.POSITIVE_INFINITY });
  sandbox.run(readFileSync(new URL(import.meta.resolve('mathjs/lib/browser/math.js')), 'utf8'), 'math.js');
  const calculate = sandbox.run(readFileSync(new URL('guest.js', import.meta.url), 'utf8'), 'guest.js');
  return (expression) => {
    sandbox.renew(limits.computeMs);
    const result = sandbox.context.newString(expression).consume((text) => sandbox.call(calculate, text));
    return result.consume((text) => sandbox.textOf(text, LONGEST_RESULT)!);
  };
});
