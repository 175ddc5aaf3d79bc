import { z } from 'zod';
import type { ToolSettings } from '../../config/index.ts';
import { durationMs } from '../../contract/index.ts';
import { seatsFor } from '../aside/seats.ts';
import { defineTool, type Tool, ToolFailure } from '../tool.ts';
import { type Ending, runProgram } from './run-program.ts';

const LONGEST_OUTPUT = 20_000;

/** A code interpreter: JavaScript in QuickJS, where nothing of this process is. */
export function code({ memoryMb, computeTime, most }: ToolSettings['code']): Tool {
  const computeMs = durationMs(computeTime);
  const seats = seatsFor(most);
  return defineTool({
    name: 'code',
    description: `Runs a JavaScript program (ES2023) and gives what it prints and its result: the value of its last expression, or what it returns. Top-level await works. Use it to calculate over many values, to work through files and data, and to call other tools in loops or in parallel instead of one by one.
There are:
- console.log(...values)
- await files.list() -> [{name, size, mediaType}], await files.read(name) -> text, await files.readBytes(name) -> Uint8Array, await files.write(name, content) with text, bytes, or an object that becomes JSON: the files of this run, which other tools and later programs see
- await tools.<name>({...}): your other tools by their names, with their arguments, where they change nothing and need no approval: const found = await tools.web_search({ query: "..." })
There is no network, import, require, process, timer or DOM. Each program starts anew: keep what later ones need in files. Limits: ${computeMs / 1_000} s of computing (waiting for tools is not counted), ${memoryMb} MB, ${LONGEST_OUTPUT} characters of output.`,
    input: z.strictObject({ source: z.string().min(1).max(200_000) }),
    replay: 'safe',
    timeout: '5 minutes',
    outside: 'a program, which may have read files and called tools',
    async run({ source }, { files, call, signal }) {
      const leave = await seats.take(signal);
      try {
        const limits = { task: 'The program', memoryMb, computeMs };
        const program = { source, limits, longestOutput: LONGEST_OUTPUT };
        return textOf(await runProgram(program, { files, call, signal }));
      } finally {
        leave();
      }
    },
  });
}

/** @throws ToolFailure for a program that failed, with what it had printed */
function textOf({ output, result, error }: Ending): string {
  const printed = output.trimEnd();
  if (error) {
    const message = printed === '' ? error.message : `${error.message}\nUntil then it printed:\n${printed}`;
    throw new ToolFailure({ ...error, message });
  }
  if (result === undefined) return printed || '(No output and no result: end with an expression, or use console.log)';
  return printed === '' ? result : `${printed}\n\nResult: ${result}`;
}
