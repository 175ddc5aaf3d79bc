import type { CallError, RunInfo } from '../../contract/index.ts';

/** How often a client should look, ms. */
const POLL_MS = 1_000;

/** What a tool answers: text for models, and the whole as it is. */
export interface ToolResult {
  content: { type: 'text'; text: string }[];
  structuredContent?: Record<string, unknown>;
  isError?: boolean;
}

/** A run as a task, in the words of both revisions. A task's id is its run's, and it is kept as long as the run is. */
export function taskOf(run: RunInfo, isModern: boolean) {
  const { id: taskId, status, startedAt: createdAt, endedAt } = run;
  return {
    ...{ taskId, createdAt, status: status === 'running' ? ('working' as const) : status },
    lastUpdatedAt: endedAt ?? createdAt,
    ...(isModern ? { ttlMs: null, pollIntervalMs: POLL_MS } : { ttl: null, pollInterval: POLL_MS }),
    ...(run.error && { statusMessage: sentence(run.error) }),
  };
}

export function resultOf(result: unknown): ToolResult {
  const isObject = typeof result === 'object' && result !== null && !Array.isArray(result);
  return {
    content: [{ type: 'text', text: textOf(result) }],
    ...(isObject && { structuredContent: result as Record<string, unknown> }),
  };
}

/** What went wrong, for the model that asked: it may mend its input. */
export function errorResult(error: CallError): ToolResult {
  return { content: [{ type: 'text', text: sentence(error) }], isError: true };
}

export function sentence({ type, message, hint }: CallError): string {
  return `${type}: ${message}${hint === undefined ? '' : `. ${hint}`}`;
}

/** The answer of a pattern that has one, else all it gave. */
function textOf(result: unknown): string {
  const { text, final, best, output } = (result ?? {}) as Record<string, unknown>;
  const answer =
    text ?? (final as { text?: unknown } | undefined)?.text ?? (best as { text?: unknown } | undefined)?.text ?? output;
  return typeof answer === 'string' ? answer : JSON.stringify(result, null, 1);
}
