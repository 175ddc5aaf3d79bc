import { z } from 'zod';
import { poolOf } from '../aside/pool.ts';
import { defineTool, type Tool } from '../tool.ts';

const OPTIONS = {
  as: 'thread' as const,
  task: 'The calculation',
  most: 2,
  timeoutMs: 60_000,
  memoryMb: 128,
  limits: { task: 'The calculation', memoryMb: 64, computeMs: 3_000 },
};

/** Exact decimals and units, by mathjs (https://mathjs.org/docs/expressions/syntax.html). */
export function calculator(): { tool: Tool; close(): Promise<void> } {
  const threads = poolOf<string, string>(new URL('calculator-thread', import.meta.url), OPTIONS);
  const tool = defineTool({
    name: 'calculator',
    description:
      'Calculates exactly: decimals (0.1 + 0.2 is 0.3), large integers, fraction(1, 3), percentages, roots, logarithms, ' +
      'trigonometry, complex numbers, vectors and matrices, statistics (mean, std, quantileSeq), combinatorics, and ' +
      'units ("90 km/h to m/s", "5 ft + 3 in to cm"). Statements are separated by semicolons, and may set variables: ' +
      '"a = 3; b = 4; sqrt(a^2 + b^2)". It knows no text, dates or currencies.',
    input: z.strictObject({ expression: z.string().min(1).max(5_000) }),
    replay: 'safe',
    timeout: '90 s',
    telling: 'expression',
    run: ({ expression }, { signal }) => threads.run(expression, signal),
  });
  return { tool, close: threads.close };
}
