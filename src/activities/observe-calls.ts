import type { CallError, ToolCall } from '../contract/index.ts';
import { redact } from '../providers/index.ts';
import {
  type AskedModel,
  beginModelSpan,
  endModelSpan,
  inSpanOf,
  inToolSpan,
  type ModelOutcome,
  type SpanContent,
} from '../telemetry/index.ts';
import type { Rooms } from './rooms.ts';

/**
 * Asks a model once, in a span of its own, and counts what came of it: the one place that spans, metrics and lines of the log
 * of model calls come from.
 * @param tellsOf what is known of an answer, and of what was thrown instead
 */
export async function observeAttempt<Answer>(
  rooms: Pick<Rooms, 'metrics' | 'log' | 'env' | 'secrets'>,
  asked: AskedModel,
  ask: () => Promise<Answer>,
  tellsOf: { answer(answer: Answer): ModelOutcome; thrown(thrown: unknown): ModelOutcome & { error: CallError } },
): Promise<Answer> {
  const content = contentOf(rooms);
  const span = beginModelSpan(asked, content);
  const begunAt = performance.now();
  try {
    const answer = await inSpanOf(span, ask);
    ended(tellsOf.answer(answer));
    return answer;
  } catch (thrown) {
    ended(tellsOf.thrown(thrown));
    throw thrown;
  }

  function ended(outcome: ModelOutcome): void {
    const { error, usage, costUsd } = outcome;
    const ms = performance.now() - begunAt;
    rooms.metrics?.attemptEnded(asked, outcome, ms / 1_000);
    const { model, epoch } = asked;
    const facts = { model, attempt: epoch, ms: Math.round(ms), ...usage, costUsd };
    if (error) rooms.log.info({ ...facts, error: error.type, status: error.status }, 'model call failed');
    else rooms.log.debug(facts, 'model call ended');
    endModelSpan(span, outcome, content);
  }
}

/** Runs a tool once, in a span of its own, and counts what came of it. @param tellsOf how it ended, in a word */
export async function observeTool<Result>(
  rooms: Pick<Rooms, 'metrics' | 'env' | 'secrets'>,
  call: ToolCall,
  run: () => Promise<Result>,
  tellsOf: { result(result: Result): string; thrown(thrown: unknown): CallError },
): Promise<Result> {
  const begunAt = performance.now();
  const ended = (outcome: string) =>
    rooms.metrics?.toolEnded(call.tool, outcome, (performance.now() - begunAt) / 1_000);
  try {
    const result = await inToolSpan(call, contentOf(rooms), run, tellsOf.thrown);
    ended(tellsOf.result(result));
    return result;
  } catch (thrown) {
    ended(tellsOf.thrown(thrown).type);
    throw thrown;
  }
}

/** Texts stand in spans only where that is asked for, and never with a secret in them. */
function contentOf({ env, secrets }: Pick<Rooms, 'env' | 'secrets'>): SpanContent {
  return env.CADENZA_TRACE_CONTENT === 'true' ? { redact: (text) => redact(text, secrets) } : {};
}
