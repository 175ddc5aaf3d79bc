import type { Anthropic } from '@anthropic-ai/sdk';
import { transformJSONSchema } from '@anthropic-ai/sdk/lib/transform-json-schema';
import { type FilePart, type Message, type ModelRequest, type Part, partsOf } from '../contract/index.ts';
import { CLAUDE_EFFORT, CLAUDE_MAX_TOKENS, claudeTraits, THINKING_BUDGET } from './anthropic-models.ts';
import { refuseFile, refuseUnknownSettings } from './insisted-settings.ts';
import { unseal } from './signatures.ts';
import { systemText, turnsOf } from './system-text.ts';

type Params = Anthropic.MessageCreateParamsStreaming;
type Block = Anthropic.ContentBlockParam;
export type ThinkingBlock = Anthropic.ThinkingBlockParam | Anthropic.RedactedThinkingBlockParam;

/** A request as the Messages API takes it. It has no `seed`, and no longer `temperature` and `top_p`. */
export function messageParams(model: string, request: ModelRequest): Params {
  refuseUnknownSettings(model, request, ['temperature', 'topP', 'seed']);
  const traits = claudeTraits(model);
  const forced = isForced(request);
  const cannotForce = forced && !traits.forcedTools;
  const maxTokens = request.maxOutputTokens ?? CLAUDE_MAX_TOKENS;
  return {
    model,
    stream: true,
    max_tokens: maxTokens,
    system:
      [
        systemText(request),
        isAnyObject(request) && 'Answer with a JSON object, and with nothing else.',
        cannotForce && insistOnTool(request),
      ]
        .filter(Boolean)
        .join('\n\n') || undefined,
    messages: merged(turnsOf(request).map((message) => turn(model, message))),
    stop_sequences: request.stop,
    // Marks the last block that may be kept, so that the next request finds all of this one (docs: prompt caching).
    ...(request.keepsPrefix && { cache_control: { type: 'ephemeral' as const } }),
    thinking: thinking(model, request, maxTokens),
    output_config: outputConfig(model, request),
    ...(request.tools?.length && {
      tools: request.tools.map(tool),
      tool_choice: toolChoice(cannotForce ? { ...request, toolChoice: 'auto' } : request),
    }),
  };
}

function thinking(model: string, request: ModelRequest, maxTokens: number): Params['thinking'] {
  const traits = claudeTraits(model);
  const { effort } = request;
  const mustNotThink = isForced(request) && traits.forcedTools;
  if (mustNotThink || effort === 'none') return traits.off && { type: traits.off };
  if (traits.thinking === 'adaptive') {
    // Asked for in words, since the newest models otherwise think without a text.
    return effort || traits.thinksUnasked ? { type: 'adaptive', display: 'summarized' } : undefined;
  }
  if (traits.thinking !== 'budget' || !effort || !turnsOf(request).every((message) => keptThinking(model, message)))
    return undefined;
  const budget = Math.min(THINKING_BUDGET[effort], maxTokens - 1_024);
  return budget < 1_024 ? undefined : { type: 'enabled', budget_tokens: budget };
}

function outputConfig(model: string, request: ModelRequest): Params['output_config'] {
  const effort = request.effort && claudeTraits(model).effort ? CLAUDE_EFFORT[request.effort] : undefined;
  const format = isAnyObject(request) ? undefined : request.schema && formatOf(request.schema);
  return effort || format ? { effort, format } : undefined;
}

/** Any object will do: a schema the API takes closes its objects, and this one would be empty. */
function isAnyObject({ schema }: ModelRequest): boolean {
  return schema?.type === 'object' && Object.keys(schema).length === 1;
}

function formatOf(schema: Record<string, unknown>) {
  return { type: 'json_schema' as const, schema: closedSchema(schema) };
}

/** The SDK's own form of a schema the API takes; as it is where that form cannot be made (no `type`, say). */
function closedSchema(schema: Record<string, unknown>): Record<string, unknown> {
  try {
    return transformJSONSchema(schema as Parameters<typeof transformJSONSchema>[0]) as unknown as Record<
      string,
      unknown
    >;
  } catch {
    return schema;
  }
}

/** Budget thinking refuses conversations whose tool calls have lost the thinking before them. */
function keptThinking(model: string, message: Message): boolean {
  const parts = partsOf(message);
  return (
    !parts.some((part) => part.type === 'toolCall') || parts.some((part) => thinkingBlocks(model, part).length > 0)
  );
}

function turn(model: string, message: Message): Anthropic.MessageParam {
  const parts = partsOf(message);
  // Thinking comes before the answer, tool results before what the user says to them.
  const isFirst = (part: Part) => part.type === 'reasoning' || part.type === 'toolResult';
  const first = parts.filter(isFirst);
  const rest = parts.filter((part) => !isFirst(part));
  return {
    role: message.role === 'assistant' ? 'assistant' : 'user',
    content: [...first, ...rest].flatMap((part) => blocks(model, part)),
  };
}

function blocks(model: string, part: Part): Block[] {
  switch (part.type) {
    case 'text':
      return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text }];
    case 'image':
      return [{ type: 'image', source: imageSource(part) }];
    case 'file':
      return [{ type: 'document', title: part.name, source: documentSource(part) }];
    case 'reasoning':
      return thinkingBlocks(model, part);
    case 'toolCall':
      return [
        ...thinkingBlocks(model, part),
        { type: 'tool_use', id: part.id, name: part.name, input: part.arguments },
      ];
    case 'toolResult':
      return [{ type: 'tool_result', tool_use_id: part.id, content: part.content, is_error: part.isError }];
  }
}

/** The thinking a part stands for, exactly as it came, or none if another model made it. */
function thinkingBlocks(model: string, part: Part): ThinkingBlock[] {
  if (part.type !== 'reasoning' && part.type !== 'toolCall') return [];
  const signature = unseal('anthropic', model, part.signature);
  if (!signature) return [];
  if (signature.startsWith('[')) return JSON.parse(signature) as ThinkingBlock[];
  return part.type === 'reasoning' ? [{ type: 'thinking', thinking: part.text, signature }] : [];
}

function imageSource(part: Extract<Part, { type: 'image' }>): Anthropic.ImageBlockParam['source'] {
  if (part.url !== undefined) return { type: 'url', url: part.url };
  return { type: 'base64', media_type: part.mediaType!, data: part.data! };
}

/** PDFs and plain text are what Claude reads. @throws ProviderError InvalidRequest */
function documentSource({ mediaType, data, url }: FilePart): Anthropic.DocumentBlockParam['source'] {
  if (url !== undefined) return { type: 'url', url };
  if (mediaType === 'application/pdf') return { type: 'base64', media_type: mediaType, data: data! };
  if (!mediaType.startsWith('text/')) refuseFile(`Claude reads PDFs and text, not ${mediaType}.`);
  return { type: 'text', media_type: 'text/plain', data: Buffer.from(data!, 'base64').toString('utf8') };
}

/** Neighbours of one role as one turn: the results of parallel tool calls belong into one message. */
function merged(turns: Anthropic.MessageParam[]): Anthropic.MessageParam[] {
  const result: Anthropic.MessageParam[] = [];
  for (const next of turns) {
    const last = result.at(-1);
    if (next.content.length === 0) continue;
    if (last?.role !== next.role) result.push(next);
    else last.content = [...(last.content as Block[]), ...(next.content as Block[])];
  }
  return result;
}

function isForced({ tools, toolChoice: choice }: ModelRequest): boolean {
  return Boolean(tools?.length) && (choice === 'required' || typeof choice === 'object');
}

/** The next best thing where a tool cannot be forced. */
function insistOnTool({ toolChoice: choice }: ModelRequest): string {
  return typeof choice === 'object'
    ? `Answer by calling the tool ${choice.name}, and with nothing else.`
    : 'Answer by calling one or more of the tools, and with nothing else.';
}

function tool(definition: NonNullable<ModelRequest['tools']>[number]): Anthropic.Tool {
  const { name, description, parameters } = definition;
  return { name, description, input_schema: { ...parameters, type: 'object' } };
}

function toolChoice({ toolChoice: choice, parallelTools }: ModelRequest): Params['tool_choice'] {
  const oneOnly = parallelTools === false && choice !== 'none' ? { disable_parallel_tool_use: true } : {};
  if (typeof choice === 'object') return { type: 'tool', name: choice.name, ...oneOnly };
  if (choice === 'none') return { type: 'none' };
  if (choice === undefined && parallelTools !== false) return undefined;
  return { type: choice === 'required' ? 'any' : 'auto', ...oneOnly };
}
