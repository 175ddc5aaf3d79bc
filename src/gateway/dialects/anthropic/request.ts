import { z } from '@hono/zod-openapi';
import type { Effort, Message, Part, ToolChoice } from '../../../contract/index.ts';
import { type ParamNames, unsupported } from '../errors.ts';
import { fileAt, inlineImage } from '../parts.ts';
import type { Asked } from '../plan.ts';
import { noEffect, only, refused } from '../refused-fields.ts';

/** A mark that the beginning up to here comes again. */
const cached = {
  cache_control: z
    .object({ type: z.literal('ephemeral') })
    .loose()
    .nullish(),
};

const Text = z.strictObject({
  type: z.literal('text'),
  text: z.string(),
  citations: noEffect(z.array(z.unknown())),
  ...cached,
});
const Image = z.strictObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.url() }),
  ]),
  ...cached,
});
const Document = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    z.strictObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() }),
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
    z.strictObject({ type: z.literal('url'), url: z.url() }),
  ]),
  title: z.string().nullish(),
  context: refused(),
  citations: z.strictObject({ enabled: only(false) }).nullish(),
  ...cached,
});
const ToolUse = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string(),
  name: z.string(),
  input: z.record(z.string(), z.unknown()),
  caller: z.strictObject({ type: only('direct') }).nullish(),
  ...cached,
});
const ToolResult = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z
    .union([
      z.string(),
      z.array(
        z.strictObject({
          type: z.literal('text', { error: 'Tool results are text here' }),
          text: z.string(),
          ...cached,
        }),
      ),
    ])
    .nullish(),
  is_error: z.boolean().nullish(),
  ...cached,
});
const Thinking = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string() });
const Redacted = z.strictObject({ type: z.literal('redacted_thinking'), data: z.string() });
const Block = z.discriminatedUnion('type', [Text, Image, Document, ToolUse, ToolResult, Thinking, Redacted]);
type Block = z.infer<typeof Block>;

const AnthropicMessage = z
  .strictObject({ role: z.enum(['user', 'assistant']), content: z.union([z.string(), z.array(Block)]) })
  .openapi('AnthropicMessage');

const Tool = z.strictObject({
  type: z.literal('custom', { error: 'Only tools of one’s own are supported here' }).nullish(),
  name: z.string().regex(/^[\w-]{1,64}$/),
  description: z.string().nullish(),
  input_schema: z.record(z.string(), z.unknown()),
  strict: z.boolean().nullish(),
  eager_input_streaming: noEffect(z.boolean()),
  ...cached,
});

const oneOnly = { disable_parallel_tool_use: z.boolean().nullish() };

export const MessagesRequest = z
  .strictObject({
    model: z.string().min(1).openapi({ example: 'anthropic/claude-sonnet-5-5' }),
    messages: z.array(AnthropicMessage).min(1),
    max_tokens: z.number().int().positive(),
    system: z.union([z.string(), z.array(Text)]).nullish(),
    stream: z.boolean().nullish(),
    tools: z.array(Tool).nullish(),
    tool_choice: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('auto'), ...oneOnly }),
        z.strictObject({ type: z.literal('any'), ...oneOnly }),
        z.strictObject({ type: z.literal('none') }),
        z.strictObject({ type: z.literal('tool'), name: z.string(), ...oneOnly }),
      ])
      .nullish(),
    stop_sequences: z.array(z.string().min(1)).max(4, 'At most 4 stop sequences are supported here').nullish(),
    temperature: z.number().min(0).max(1).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    thinking: z
      .discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('enabled'),
          budget_tokens: z.number().int().min(1_024),
          display: noEffect(z.string()),
        }),
        z.strictObject({ type: z.literal('adaptive'), display: noEffect(z.string()) }),
        z.strictObject({ type: z.literal('disabled') }),
      ])
      .nullish(),
    output_config: z
      .strictObject({
        effort: z.enum(['low', 'medium', 'high']).nullish(),
        format: z.strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) }).nullish(),
      })
      .nullish(),
    metadata: noEffect(z.strictObject({ user_id: z.string().nullish() })),
    service_tier: only('auto', 'standard_only'),
    cache_control: cached.cache_control,
    top_k: refused(),
    container: refused(),
    context_management: refused(),
    inference_geo: refused(),
    mcp_servers: refused(),
  })
  .openapi('MessagesRequest', {
    example: {
      model: 'sandbox/claude',
      max_tokens: 1_000,
      messages: [{ role: 'user', content: 'Why do rivers bend?' }],
    },
  });
export type MessagesRequest = z.infer<typeof MessagesRequest>;

export const MESSAGES_PARAMS: ParamNames = {
  ...{ policy: 'model', route: 'model', messages: 'messages', prompt: 'messages', schema: 'output_config.format' },
  ...{ tools: 'tools', toolChoice: 'tool_choice', parallelTools: 'tool_choice.disable_parallel_tool_use' },
  ...{ 'settings.maxOutputTokens': 'max_tokens', 'settings.temperature': 'temperature', 'settings.topP': 'top_p' },
  ...{ 'settings.stop': 'stop_sequences', 'settings.effort': 'thinking' },
};

/** @throws ProblemError naming what cannot be asked */
export function askedOf(request: MessagesRequest): Asked {
  const { system, messages, tools, tool_choice: choice, output_config: config } = request;
  const names = namesOfCalls(messages);
  return {
    messages: [
      ...(system?.length ? [{ role: 'system' as const, content: textOf(system) }] : []),
      ...messages.flatMap((message, index) => messagesOf(message, names, ['messages', index])),
    ],
    tools: tools?.length
      ? tools.map(({ name, description, input_schema: parameters }) => ({
          ...{ name, parameters },
          ...(description ? { description } : {}),
        }))
      : undefined,
    toolChoice: choiceOf(choice),
    parallelTools:
      choice && 'disable_parallel_tool_use' in choice && choice.disable_parallel_tool_use ? false : undefined,
    schema: config?.format?.schema,
    settings: {
      maxOutputTokens: request.max_tokens,
      temperature: request.temperature ?? undefined,
      topP: request.top_p ?? undefined,
      stop: request.stop_sequences?.length ? request.stop_sequences : undefined,
      effort: effortOf(request),
    },
    keepsPrefix: JSON.stringify([request.cache_control, system, messages, tools]).includes('"cache_control":{')
      ? true
      : undefined,
  };
}

/** A budget of thinking as the effort that gets about as much (see THINKING_BUDGET of the Anthropic wire). */
function effortOf({ thinking, output_config: config }: MessagesRequest): Effort | undefined {
  if (config?.effort) return config.effort;
  if (thinking?.type === 'disabled') return 'none';
  if (thinking?.type === 'adaptive') return 'high';
  if (thinking?.type !== 'enabled') return undefined;
  const { budget_tokens: budget } = thinking;
  return budget < 2_048 ? 'minimal' : budget < 8_192 ? 'low' : budget < 16_384 ? 'medium' : 'high';
}

function choiceOf(choice: MessagesRequest['tool_choice']): ToolChoice | undefined {
  if (!choice) return undefined;
  if (choice.type === 'tool') return { name: choice.name };
  return choice.type === 'any' ? 'required' : choice.type;
}

function namesOfCalls(messages: MessagesRequest['messages']): Map<string, string> {
  const blocks = messages.flatMap(({ content }) => (typeof content === 'string' ? [] : content));
  return new Map(blocks.flatMap((block) => (block.type === 'tool_use' ? [[block.id, block.name] as const] : [])));
}

function textOf(content: string | { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n\n');
}

/** Results of tools come as a user's blocks: they are a message of their own, before what the user says to them. */
function messagesOf(
  { role, content }: MessagesRequest['messages'][number],
  names: Map<string, string>,
  at: PropertyKey[],
): Message[] {
  if (typeof content === 'string') return [{ role, content }];
  const parts = content.map((block, index) => partOf(block, names, [...at, 'content', index]));
  const results = parts.filter((part) => part.type === 'toolResult');
  const said = parts.filter((part) => part.type !== 'toolResult');
  return [
    ...(results.length > 0 ? [{ role: 'tool' as const, content: results }] : []),
    ...(said.length > 0 ? [{ role, content: said }] : []),
  ];
}

function partOf(block: Block, names: Map<string, string>, at: PropertyKey[]): Part {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image':
      return block.source.type === 'url'
        ? { type: 'image', url: block.source.url }
        : inlineImage(block.source.media_type, block.source.data, [...at, 'source', 'media_type']);
    case 'document':
      return documentPart(block);
    case 'tool_use':
      return { type: 'toolCall', id: block.id, name: block.name, arguments: block.input };
    case 'tool_result': {
      const name = names.get(block.tool_use_id);
      if (name === undefined)
        throw unsupported([...at, 'tool_use_id'], 'No message before this one uses a tool by this id.');
      return {
        ...{ type: 'toolResult', id: block.tool_use_id, name, content: textOf(block.content ?? '') },
        ...(block.is_error ? { isError: true } : {}),
      };
    }
    case 'thinking':
      return { type: 'reasoning', text: block.thinking, ...(block.signature ? { signature: block.signature } : {}) };
    case 'redacted_thinking':
      return { type: 'reasoning', text: '', signature: block.data };
  }
}

function documentPart({ source, title }: Extract<Block, { type: 'document' }>): Part {
  const name = title ? { name: title } : {};
  if (source.type === 'url') return fileAt(source.url, title ?? undefined);
  const data = source.type === 'text' ? Buffer.from(source.data).toString('base64') : source.data;
  return { type: 'file', mediaType: source.media_type, data, ...name };
}
