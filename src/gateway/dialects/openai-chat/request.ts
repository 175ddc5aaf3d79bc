import { z } from '@hono/zod-openapi';
import { Effort, type Message, type Part, type ToolChoice } from '../../../contract/index.ts';
import { type ParamNames, unsupported } from '../errors.ts';
import { toolsOf } from '../openai-tools.ts';
import { filePart, imagePart, toolArguments } from '../parts.ts';
import type { Asked } from '../plan.ts';
import { noEffect, only, refused } from '../refused-fields.ts';

const Text = z.strictObject({ type: z.literal('text'), text: z.string() });
const Image = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string(), detail: only('auto') }),
});
const File = z.strictObject({
  type: z.literal('file'),
  file: z.strictObject({
    file_data: z.string({ error: 'A file is sent inline, as file_data' }),
    filename: z.string().nullish(),
    file_id: refused('Files are not kept here: send file_data'),
  }),
});
const Refusal = z.strictObject({ type: z.literal('refusal'), refusal: z.string() });
const texts = z.union([z.string(), z.array(Text).min(1)]);

const ToolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function').optional(),
  index: z.number().optional(),
  function: z.strictObject({ name: z.string(), arguments: z.string() }),
});

const ChatMessage = z
  .discriminatedUnion('role', [
    z.strictObject({ role: z.enum(['system', 'developer']), content: texts, name: refused() }),
    z.strictObject({
      role: z.literal('user'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [Text, Image, File])).min(1)]),
      name: refused(),
    }),
    z.strictObject({
      role: z.literal('assistant'),
      content: z.union([z.string(), z.array(z.discriminatedUnion('type', [Text, Refusal]))]).nullish(),
      tool_calls: z.array(ToolCall).nullish(),
      refusal: z.string().nullish(),
      // Answers come back as they were given.
      reasoning_content: z.string().nullish(),
      annotations: z.array(z.unknown()).nullish(),
      audio: refused(),
      function_call: refused('Use tool_calls'),
      name: refused(),
    }),
    z.strictObject({ role: z.literal('tool'), content: texts, tool_call_id: z.string(), name: z.string().nullish() }),
  ])
  .openapi('ChatMessage');

const Tool = z.strictObject({
  type: z.literal('function', { error: 'Only tools of type "function" are supported here' }),
  function: z.strictObject({
    name: z.string().regex(/^[\w-]{1,64}$/),
    description: z.string().nullish(),
    parameters: z.record(z.string(), z.unknown()).nullish(),
    strict: z.boolean().nullish().openapi({ description: 'Taken: wires that can be strict always are' }),
  }),
});

export const ChatRequest = z
  .strictObject({
    model: z.string().min(1).openapi({ example: 'openai/gpt-6-sol' }),
    messages: z.array(ChatMessage).min(1),
    stream: z.boolean().nullish(),
    stream_options: z
      .strictObject({ include_usage: z.boolean().nullish(), include_obfuscation: noEffect(z.boolean()) })
      .nullish(),
    tools: z.array(Tool).nullish(),
    tool_choice: z
      .union([
        z.enum(['none', 'auto', 'required']),
        z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: z.string() }) }),
      ])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    response_format: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('text') }),
        z.strictObject({ type: z.literal('json_object') }),
        z.strictObject({
          type: z.literal('json_schema'),
          json_schema: z.strictObject({
            name: z.string(),
            description: z.string().nullish(),
            schema: z.record(z.string(), z.unknown()),
            strict: z.boolean().nullish(),
          }),
        }),
      ])
      .nullish(),
    max_completion_tokens: z.number().int().positive().nullish(),
    max_tokens: z.number().int().positive().nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    seed: z.number().int().nullish(),
    stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(4)]).nullish(),
    reasoning_effort: Effort.clone().nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish().openapi({ description: 'Kept with the run' }),
    n: only(1),
    store: noEffect(z.boolean()),
    user: noEffect(z.string()),
    safety_identifier: noEffect(z.string()),
    prompt_cache_key: noEffect(z.string()),
    service_tier: only('auto', 'default'),
    frequency_penalty: only(0),
    presence_penalty: only(0),
    logprobs: only(false),
    modalities: z.tuple([z.literal('text')], { error: 'Only ["text"] is supported here' }).nullish(),
    verbosity: only('medium'),
    audio: refused(),
    function_call: refused('Use tool_choice'),
    functions: refused('Use tools'),
    logit_bias: refused(),
    prediction: refused(),
    top_logprobs: refused(),
    web_search_options: refused(),
  })
  .openapi('ChatRequest', {
    example: { model: 'sandbox/gpt', messages: [{ role: 'user', content: 'Why do rivers bend?' }] },
  });
export type ChatRequest = z.infer<typeof ChatRequest>;
type ChatMessage = ChatRequest['messages'][number];

export const CHAT_PARAMS: ParamNames = {
  ...{ policy: 'model', route: 'model', messages: 'messages', prompt: 'messages', schema: 'response_format' },
  ...{ tools: 'tools', toolChoice: 'tool_choice', parallelTools: 'parallel_tool_calls' },
  ...{ 'settings.maxOutputTokens': 'max_completion_tokens', 'settings.temperature': 'temperature' },
  ...{ 'settings.topP': 'top_p', 'settings.seed': 'seed', 'settings.stop': 'stop' },
  ...{ 'settings.effort': 'reasoning_effort', 'options.metadata': 'metadata' },
};

/** @throws ProblemError naming what cannot be asked */
export function askedOf(request: ChatRequest): Asked {
  const { messages, tools, response_format: format, stop } = request;
  const names = namesOfCalls(messages);
  return {
    messages: messages.map((message, index) => messageOf(message, names, ['messages', index])),
    tools: toolsOf(tools?.map((tool) => tool.function)),
    toolChoice: choiceOf(request.tool_choice),
    // All may be called at once is what is so without a word.
    parallelTools: request.parallel_tool_calls === false ? false : undefined,
    schema:
      format?.type === 'json_schema'
        ? format.json_schema.schema
        : format?.type === 'json_object'
          ? { type: 'object' }
          : undefined,
    settings: {
      maxOutputTokens: request.max_completion_tokens ?? request.max_tokens ?? undefined,
      temperature: request.temperature ?? undefined,
      topP: request.top_p ?? undefined,
      seed: request.seed ?? undefined,
      stop: typeof stop === 'string' ? [stop] : stop?.length ? stop : undefined,
      effort: request.reasoning_effort ?? undefined,
    },
  };
}

function choiceOf(choice: ChatRequest['tool_choice']): ToolChoice | undefined {
  if (typeof choice !== 'object') return choice;
  return choice === null ? undefined : { name: choice.function.name };
}

function namesOfCalls(messages: ChatMessage[]): Map<string, string> {
  const calls = messages.flatMap((message) => (message.role === 'assistant' ? (message.tool_calls ?? []) : []));
  return new Map(calls.map(({ id, function: { name } }) => [id, name]));
}

function messageOf(message: ChatMessage, names: Map<string, string>, at: PropertyKey[]): Message {
  switch (message.role) {
    case 'system':
    case 'developer':
      return { role: 'system', content: textOf(message.content) };
    case 'user':
      return { role: 'user', content: userContent(message.content, at) };
    case 'assistant':
      return { role: 'assistant', content: assistantContent(message, at) };
    case 'tool': {
      const name = names.get(message.tool_call_id);
      if (name === undefined) {
        throw unsupported([...at, 'tool_call_id'], 'No message before this one calls a tool by this id.');
      }
      return {
        role: 'tool',
        content: [{ type: 'toolResult', id: message.tool_call_id, name, content: textOf(message.content) }],
      };
    }
  }
}

function textOf(content: string | { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

function userContent(
  content: Extract<ChatMessage, { role: 'user' }>['content'],
  at: PropertyKey[],
): Message['content'] {
  if (typeof content === 'string') return content;
  return content.map((part, index): Part => {
    const place = [...at, 'content', index];
    if (part.type === 'text') return part;
    if (part.type === 'image_url') return imagePart(part.image_url.url, [...place, 'image_url', 'url']);
    const { file_data: data, filename } = part.file;
    return filePart({ data, name: filename ?? undefined }, [...place, 'file', 'file_data']);
  });
}

function assistantContent(
  { content, refusal, tool_calls }: Extract<ChatMessage, { role: 'assistant' }>,
  at: PropertyKey[],
): Message['content'] {
  const said =
    typeof content === 'string'
      ? content
      : (content ?? []).map((part) => (part.type === 'text' ? part.text : part.refusal)).join('');
  const text = said || refusal || '';
  const calls = (tool_calls ?? []).map(({ id, function: { name, arguments: args } }, index) => ({
    ...{ type: 'toolCall' as const, id, name },
    arguments: toolArguments(args, [...at, 'tool_calls', index, 'function', 'arguments']),
  }));
  if (calls.length === 0) return text;
  return text === '' ? calls : [{ type: 'text', text }, ...calls];
}
