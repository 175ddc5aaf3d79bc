import { z } from 'zod';
import type { PlannedStep } from '../../contract/index.ts';
import { plainText } from '../output.ts';
import { readableAnswer } from './readable.ts';

const Turn = z.strictObject({ argument: z.string(), position: z.string() });
const Outcome = z.strictObject({ result: z.string(), done: z.boolean() });
const Steps = z.strictObject({
  steps: z.array(
    z.strictObject({ id: z.string(), what: z.string(), tools: z.array(z.string()), needs: z.array(z.string()) }),
  ),
});

/** What steps of patterns answer as JSON, for people: a debater's turn, a plan, what became of a step; other JSON name by name. */
export function structuredText(text: string): string {
  const said = jsonIn(text);
  const turn = Turn.safeParse(said);
  if (turn.success) return turnText(turn.data.argument, turn.data.position);
  const outcome = Outcome.safeParse(said);
  if (outcome.success) return `${outcome.data.done ? '✓' : '✗ not done:'} ${plainText(outcome.data.result)}`;
  const plan = Steps.safeParse(said);
  if (plan.success) return plan.data.steps.map(plannedText).join('\n');
  return readableAnswer(text);
}

export function turnText(argument: string, position: string): string {
  return `${plainText(argument.trim())}\n→ ${plainText(position)}`;
}

/** `sum: Add it up. (add; after bus, food)` */
function plannedText({ id, what, tools = [], needs = [] }: PlannedStep): string {
  const notes = [
    ...(tools.length > 0 ? [tools.join(', ')] : []),
    ...(needs.length > 0 ? [`after ${needs.join(', ')}`] : []),
  ];
  return `  ${id}: ${plainText(what)}${notes.length > 0 ? ` (${notes.join('; ')})` : ''}`;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
