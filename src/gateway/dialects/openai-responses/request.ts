import { z } from '@hono/zod-openapi';
import { Effort, type Message, type Part, type ToolChoice } from '../../../contract/index.ts';
import { type ParamNames, unsupported } from '../errors.ts';
import { toolsOf } from '../openai-tools.ts';
import { fileAt, filePart, imagePart, toolArguments } from '../parts.ts';
import type { Asked } from '../plan.ts';
import { noEffect, only, refused } from '../refused-fields.ts';

/** What an item was called when it was given out, and what became of it. */
const given = { id: z.string().nullish(), status: z.string().nullish() };

const InputPart = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_text'), text: z.string() }),
  z.strictObject({
    type: z.literal('input_image'),
    image_url: z.string({ error: 'An image is given by image_url' }),
    detail: only('auto'),
    file_id: refused('Files are not kept here: send image_url'),
  }),
  z.strictObject({
    type: z.literal('input_file'),
    file_data: z.string().nullish(),
    file_url: z.url().nullish(),
    filename: z.string().nullish(),
    file_id: refused('Files are not kept here: send file_data or file_url'),
  }),
]);
const OutputPart = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('output_text'),
    text: z.string(),
    annotations: z.array(z.unknown()).nullish(),
    logprobs: z.array(z.unknown()).nullish(),
  }),
  z.strictObject({ type: z.literal('refusal'), refusal: z.string() }),
]);

const message = { type: z.literal('message').optional(), phase: z.string().nullish(), ...given };
const UserItem = z.strictObject({
  ...message,
  role: z.enum(['user', 'system', 'developer']),
  content: z.union([z.string(), z.array(InputPart)]),
});
const AssistantItem = z.strictObject({
  ...message,
  role: z.literal('assistant'),
  content: z.union([z.string(), z.array(OutputPart)]),
});
const CallItem = z.strictObject({
  type: z.literal('function_call'),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
  namespace: refused(),
  ...given,
});
const OutputItem = z.strictObject({
  type: z.literal('function_call_output'),
  call_id: z.string(),
  output: z.union([z.string(), z.array(z.strictObject({ type: z.literal('input_text'), text: z.string() }))]),
  ...given,
});
const ReasoningItem = z.strictObject({
  type: z.literal('reasoning'),
  summary: z.array(z.strictObject({ type: z.literal('summary_text'), text: z.string() })).nullish(),
  content: z.array(z.unknown()).nullish(),
  encrypted_content: z.string().nullish(),
  ...given,
});
const ReferenceItem = z.strictObject({ type: z.literal('item_reference'), id: z.string() });
const Item = z
  .union([UserItem, AssistantItem, CallItem, OutputItem, ReasoningItem, ReferenceItem])
  .openapi('ResponseInputItem');
type Item = z.infer<typeof Item>;

const Tool = z.strictObject({
  type: z.literal('function', { error: 'Only tools of type "function" are supported here' }),
  name: z.string().regex(/^[\w-]{1,64}$/),
  description: z.string().nullish(),
  parameters: z.record(z.string(), z.unknown()).nullish(),
  strict: z.boolean().nullish(),
});

export const ResponsesRequest = z
  .strictObject({
    model: z.string().min(1).openapi({ example: 'openai/gpt-6-sol' }),
    input: z.union([z.string().min(1), z.array(Item).min(1)]),
    instructions: z.string().nullish(),
    previous_response_id: z.string().nullish().openapi({ description: 'Its input and answer come before this input' }),
    stream: z.boolean().nullish(),
    stream_options: z.strictObject({ include_obfuscation: noEffect(z.boolean()) }).nullish(),
    background: z.boolean().nullish(),
    tools: z.array(Tool).nullish(),
    tool_choice: z
      .union([z.enum(['none', 'auto', 'required']), z.strictObject({ type: z.literal('function'), name: z.string() })])
      .nullish(),
    parallel_tool_calls: z.boolean().nullish(),
    text: z
      .strictObject({
        format: z
          .discriminatedUnion('type', [
            z.strictObject({ type: z.literal('text') }),
            z.strictObject({ type: z.literal('json_object') }),
            z.strictObject({
              type: z.literal('json_schema'),
              name: z.string(),
              description: z.string().nullish(),
              schema: z.record(z.string(), z.unknown()),
              strict: z.boolean().nullish(),
            }),
          ])
          .nullish(),
        verbosity: only('medium'),
      })
      .nullish(),
    reasoning: z
      .strictObject({ effort: Effort.clone().nullish(), summary: noEffect(z.string()), generate_summary: refused() })
      .nullish(),
    max_output_tokens: z.number().int().positive().nullish(),
    temperature: z.number().min(0).max(2).nullish(),
    top_p: z.number().min(0).max(1).nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish().openapi({ description: 'Kept with the run' }),
    include: z.array(z.literal('reasoning.encrypted_content')).nullish(),
    store: noEffect(z.boolean()),
    user: noEffect(z.string()),
    safety_identifier: noEffect(z.string()),
    prompt_cache_key: noEffect(z.string()),
    service_tier: only('auto', 'default'),
    truncation: only('disabled'),
    top_logprobs: only(0),
    conversation: refused('Use previous_response_id'),
    context_management: refused(),
    max_tool_calls: refused(),
    prompt: refused(),
  })
  .openapi('ResponsesRequest', { example: { model: 'sandbox/gpt', input: 'Why do rivers bend?' } });
export type ResponsesRequest = z.infer<typeof ResponsesRequest>;

export const RESPONSES_PARAMS: ParamNames = {
  ...{ policy: 'model', route: 'model', messages: 'input', prompt: 'input', schema: 'text.format' },
  ...{ tools: 'tools', toolChoice: 'tool_choice', parallelTools: 'parallel_tool_calls', system: 'instructions' },
  ...{ 'settings.maxOutputTokens': 'max_output_tokens', 'settings.temperature': 'temperature' },
  ...{ 'settings.topP': 'top_p', 'settings.effort': 'reasoning.effort', 'options.metadata': 'metadata' },
};

/** Ids of items that a request names instead of holding them. */
export function referencesOf({ input }: ResponsesRequest): string[] {
  return typeof input === 'string' ? [] : input.flatMap((item) => (item.type === 'item_reference' ? [item.id] : []));
}

/**
 * @param before what was said before, of the response the request goes on from
 * @param referenced the parts that named items stand for
 * @throws ProblemError naming what cannot be asked
 */
export function askedOf(request: ResponsesRequest, before: Message[], referenced: Map<string, Part[]>): Asked {
  const { input, tools, text, instructions } = request;
  const format = text?.format;
  return {
    messages:
      typeof input === 'string'
        ? [...before, { role: 'user', content: input }]
        : joined([...before, ...messagesOf(input, before, referenced)]),
    system: instructions ?? undefined,
    tools: toolsOf(tools),
    toolChoice: choiceOf(request.tool_choice),
    parallelTools: request.parallel_tool_calls === false ? false : undefined,
    schema:
      format?.type === 'json_schema' ? format.schema : format?.type === 'json_object' ? { type: 'object' } : undefined,
    settings: {
      maxOutputTokens: request.max_output_tokens ?? undefined,
      temperature: request.temperature ?? undefined,
      topP: request.top_p ?? undefined,
      effort: request.reasoning?.effort ?? undefined,
    },
  };
}

function choiceOf(choice: ResponsesRequest['tool_choice']): ToolChoice | undefined {
  if (typeof choice !== 'object') return choice;
  return choice === null ? undefined : { name: choice.name };
}

function messagesOf(items: Item[], before: Message[], referenced: Map<string, Part[]>): Message[] {
  const names = new Map<string, string>();
  const learn = (parts: Part[]) => {
    for (const part of parts) if (part.type === 'toolCall') names.set(part.id, part.name);
    return parts;
  };
  for (const { content } of before) if (typeof content !== 'string') learn(content);
  return items.flatMap((item, index): Message[] => {
    const at = ['input', index];
    if (item.type === 'item_reference') return [{ role: 'assistant', content: learn(referenced.get(item.id)!) }];
    if (item.type === 'function_call') {
      const args = toolArguments(item.arguments, [...at, 'arguments']);
      const call: Part = { type: 'toolCall', id: item.call_id, name: item.name, arguments: args };
      return [{ role: 'assistant', content: learn([call]) }];
    }
    if (item.type === 'function_call_output') {
      const name = names.get(item.call_id);
      if (name === undefined) throw unsupported([...at, 'call_id'], 'No item before this one calls a tool by this id.');
      return [
        { role: 'tool', content: [{ type: 'toolResult', id: item.call_id, name, content: textOf(item.output) }] },
      ];
    }
    if (item.type === 'reasoning') {
      const { encrypted_content: signature, summary } = item;
      if (!signature) return [];
      return [{ role: 'assistant', content: [{ type: 'reasoning', text: textOf(summary ?? []), signature }] }];
    }
    if (item.role === 'assistant') {
      const said = typeof item.content === 'string' ? item.content : item.content.map(saidIn).join('');
      return said === '' ? [] : [{ role: 'assistant', content: [{ type: 'text', text: said }] }];
    }
    const role = item.role === 'user' ? 'user' : 'system';
    if (typeof item.content === 'string') return [{ role, content: item.content }];
    const parts = item.content.map((part, nth) => partOf(part, [...at, 'content', nth]));
    return parts.length === 0 ? [] : [{ role, content: parts }];
  });
}

/** What the model said in one turn comes as several items: they are one message, as are the results it waits for. */
function joined(messages: Message[]): Message[] {
  const result: Message[] = [];
  for (const message of messages) {
    const last = result.at(-1);
    const goesOn = last?.role === message.role && (message.role === 'assistant' || message.role === 'tool');
    if (goesOn && typeof last.content !== 'string' && typeof message.content !== 'string') {
      result[result.length - 1] = { role: last.role, content: [...last.content, ...message.content] };
    } else result.push(message);
  }
  return result;
}

function textOf(content: string | { text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

function saidIn(part: z.infer<typeof OutputPart>): string {
  return part.type === 'refusal' ? part.refusal : part.text;
}

function partOf(part: z.infer<typeof InputPart>, at: PropertyKey[]): Part {
  if (part.type === 'input_text') return { type: 'text', text: part.text };
  if (part.type === 'input_image') return imagePart(part.image_url, [...at, 'image_url']);
  const { file_url: url, file_data: data, filename } = part;
  if (url) return fileAt(url, filename ?? undefined);
  if (data) return filePart({ data, name: filename ?? undefined }, [...at, 'file_data']);
  throw unsupported(at, 'A file is given by file_data or file_url.');
}
