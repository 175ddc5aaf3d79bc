import { type Attributes, type Span, SpanKind } from '@opentelemetry/api';
import {
  type CallError,
  type FinishReason,
  type Message,
  type ModelRef,
  type ModelReply,
  type ModelRequest,
  modelIdOf,
  providerOf,
  type RunRef,
  type Usage,
} from '../contract/index.ts';
import { ATTRIBUTE, type OPERATION, providerName } from './names.ts';
import { attributesOf, contextOfCall, failed, tracer } from './run-context.ts';

/** One attempt at a model call. */
export interface AskedModel {
  run: RunRef;
  step: string;
  model: ModelRef;
  operation: typeof OPERATION.chat | typeof OPERATION.batch | typeof OPERATION.embeddings;
  epoch: number;
  request?: ModelRequest;
}

/** What came of it, as far as it is known. */
export interface ModelOutcome {
  reply?: Partial<ModelReply>;
  error?: CallError;
  usage?: Usage;
  /** USD; null where the price is unknown */
  costUsd?: number | null;
  estimated?: boolean;
}

/** How much of what is asked and said stands in spans. */
export interface SpanContent {
  /** undefined: nothing of it */
  redact?(text: string): string;
}

/** Begins the span of an attempt, by the conventions' `gen_ai.client.inference`. */
export function beginModelSpan(asked: AskedModel, { redact }: SpanContent): Span {
  const { run, step, model, operation, epoch, request } = asked;
  const attributes: Attributes = {
    [ATTRIBUTE.operation]: operation,
    [ATTRIBUTE.provider]: providerName(providerOf(model)),
    [ATTRIBUTE.requestModel]: modelIdOf(model),
    [ATTRIBUTE.step]: step,
    [ATTRIBUTE.epoch]: epoch,
    ...attributesOf(run),
    ...(request && settingsOf(request)),
    ...(request && redact && textsOf(request, redact)),
  };
  const name = `${operation} ${modelIdOf(model)}`;
  return tracer().startSpan(name, { kind: SpanKind.CLIENT, attributes }, contextOfCall(run, step));
}

export function endModelSpan(span: Span, outcome: ModelOutcome, { redact }: SpanContent): void {
  const { reply, error, usage, costUsd, estimated } = outcome;
  if (usage) span.setAttributes(usageOf(usage));
  if (costUsd != null) span.setAttribute(ATTRIBUTE.costUsd, costUsd);
  if (estimated) span.setAttribute(ATTRIBUTE.estimated, true);
  if (reply?.requestId !== undefined) span.setAttribute(ATTRIBUTE.responseId, reply.requestId);
  if (reply?.finishReason)
    span.setAttribute(ATTRIBUTE.finishReasons, [FINISH[reply.finishReason] ?? reply.finishReason]);
  if (reply?.firstTokenMs !== undefined) span.setAttribute(ATTRIBUTE.timeToFirstChunk, reply.firstTokenMs / 1_000);
  if (reply?.text !== undefined && redact) {
    span.setAttribute(ATTRIBUTE.outputMessages, redact(JSON.stringify([outputOf(reply)])));
  }
  if (error) {
    failed(span, error);
    if (error.requestId !== undefined) span.setAttribute(ATTRIBUTE.responseId, error.requestId);
  }
  span.end();
}

/** As the conventions' schema of output messages names them. */
const FINISH: Partial<Record<FinishReason, string>> = { contentFilter: 'content_filter', toolCalls: 'tool_call' };

function settingsOf(request: ModelRequest): Attributes {
  const { maxOutputTokens, temperature, topP, seed, stop, effort, schema } = request;
  return {
    [ATTRIBUTE.stream]: true,
    [ATTRIBUTE.maxTokens]: maxOutputTokens,
    [ATTRIBUTE.temperature]: temperature,
    [ATTRIBUTE.topP]: topP,
    [ATTRIBUTE.seed]: seed,
    [ATTRIBUTE.stop]: stop,
    [ATTRIBUTE.effort]: effort,
    [ATTRIBUTE.outputType]: schema ? 'json' : undefined,
  };
}

function usageOf({
  inputTokens,
  outputTokens,
  cachedInputTokens,
  cacheWriteTokens,
  reasoningTokens,
}: Usage): Attributes {
  return {
    [ATTRIBUTE.inputTokens]: inputTokens,
    [ATTRIBUTE.outputTokens]: outputTokens,
    [ATTRIBUTE.cacheReadTokens]: cachedInputTokens,
    [ATTRIBUTE.cacheWriteTokens]: cacheWriteTokens,
    [ATTRIBUTE.reasoningTokens]: reasoningTokens,
  };
}

function textsOf({ messages, system }: ModelRequest, redact: (text: string) => string): Attributes {
  return {
    [ATTRIBUTE.inputMessages]: redact(JSON.stringify(messages.map(inputOf))),
    ...(system !== undefined && {
      [ATTRIBUTE.systemInstructions]: redact(JSON.stringify([{ type: 'text', content: system }])),
    }),
  };
}

/** A message by the conventions' schema of input messages. */
function inputOf({ role, content }: Message) {
  const parts = typeof content === 'string' ? [{ type: 'text' as const, text: content }] : content;
  return { role, parts: parts.map(partOf) };
}

function partOf(part: Exclude<Message['content'], string>[number]) {
  switch (part.type) {
    case 'text':
      return { type: 'text', content: part.text };
    case 'toolCall':
      return { type: 'tool_call', id: part.id, name: part.name, arguments: part.arguments };
    case 'toolResult':
      return { type: 'tool_call_response', id: part.id, response: part.content };
    default:
      return { type: part.type };
  }
}

function outputOf({ text = '', toolCalls = [] }: Partial<ModelReply>) {
  const said = text === '' ? [] : [{ type: 'text', content: text }];
  const calls = toolCalls.map(({ id, name, arguments: args }) => ({ type: 'tool_call', id, name, arguments: args }));
  return { role: 'assistant', parts: [...said, ...calls] };
}
