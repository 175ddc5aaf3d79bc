import type { AgentResult, AgentStop, PlannedStep, TaskResult, UsedToolCall } from '../../contract/index.ts';
import { usd } from './numbers.ts';

/** How an agent came to its answer: `5 model calls · calculator ×2, web_search (1 failed)`. */
export function workText(steps: number, calls: UsedToolCall[], stopReason: AgentStop): string {
  const tools = Map.groupBy(calls, ({ tool }) => tool);
  const used = [...tools].map(([tool, uses]) => {
    const failed = uses.filter(({ error, interrupted }) => error !== undefined || interrupted).length;
    return `${tool}${uses.length > 1 ? ` ×${uses.length}` : ''}${failed > 0 ? ` (${failed} failed)` : ''}`;
  });
  const ended = stopReason === 'done' ? '' : ` · ended by ${stopReason}`;
  return `${steps} model ${steps === 1 ? 'call' : 'calls'}${used.length > 0 ? ` · ${used.join(', ')}` : ''}${ended}`;
}

/** Who did a task, and how: `research · researcher · 3 model calls · web_search ×2 · $0.0012`. */
export function taskHeading(name: string, task: TaskResult): string {
  const { agent, steps, toolCalls, stopReason, delegations, retries, revisions, costUsd } = task;
  const helpers = [...new Set(delegations.map(({ to }) => to))];
  return [
    ...[name, agent, workText(steps, toolCalls, stopReason)],
    ...(helpers.length > 0 ? [`with ${helpers.join(', ')}`] : []),
    ...(retries > 0 ? [`${retries} ${retries === 1 ? 'retry' : 'retries'}`] : []),
    ...(revisions > 0 ? [`${revisions} ${revisions === 1 ? 'revision' : 'revisions'}`] : []),
    usd(costUsd),
  ].join(' · ');
}

/** What a step of a plan came after, and how it was done: `sum · after bus, food · 2 model calls · add · $0.0033`. */
export function plannedHeading({ id, needs = [] }: PlannedStep, result: AgentResult | undefined): string {
  return [
    id,
    ...(needs.length > 0 ? [`after ${needs.join(', ')}`] : []),
    ...(result ? [workText(result.steps, result.toolCalls, result.stopReason), usd(result.costUsd)] : []),
  ].join(' · ');
}
