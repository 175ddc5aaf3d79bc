import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '../../src/config/index.ts';
import type { Route } from '../../src/contract/index.ts';

const read = (name: string) =>
  readFileSync(fileURLToPath(new URL(`../../examples/route/${name}`, import.meta.url)), 'utf8');

export interface LabelledPrompt {
  prompt: string;
  kind: 'simple' | 'code' | 'maths' | 'long';
}

/** The example's data set: ten simple prompts, ten with code, ten of mathematics, ten long ones. */
export const FORTY: LabelledPrompt[] = read('prompts.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as LabelledPrompt);

/** The example's routers, by their names. */
export const ROUTES = JSON.parse(read('routes.json')) as Record<string, Route>;

export const FAST = 'openai/gpt-6-luna';
export const STRONG = 'anthropic/claude-opus-5-5';

/** A cheap and a dear policy, and the example's routers. Nothing comes from the cache, so that every answer costs. */
export const ROUTING_CONFIG = parseConfig({
  policies: {
    fast: { candidates: [FAST], cache: false, maxAttempts: 1 },
    strong: { candidates: [STRONG], cache: false, maxAttempts: 1 },
  },
  // answers are ten tokens here, so a call costs less than in the example
  routes: { ...ROUTES, goal: { ...ROUTES.goal, constraints: { maxUsdPerCall: 0.002 } } as Route },
});
