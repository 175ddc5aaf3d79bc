import type { OpenAI } from 'openai';
import { type Message, type ModelRequest, type Part, partsOf } from '../contract/index.ts';
import { isReasoningModel, openAiEffort, openAiSampling } from './openai-models.ts';
import { unseal } from './signatures.ts';
import { strictSchema } from './strict-schema.ts';
import { dataUrl, fileName, imageUrl } from './system-text.ts';

type Params = OpenAI.Responses.ResponseCreateParamsStreaming;
type Item = OpenAI.Responses.ResponseInputItem;

/** A model's reasoning has to travel with the conversation: OpenAI keeps nothing, or not for long. */
export const withReasoning = (model: string) =>
  isReasoningModel(model) ? { include: ['reasoning.encrypted_content' as const] } : {};

/** A request as the Responses API takes it. It has no `seed` and no `stop`.
 *  @param background it goes on without us: OpenAI keeps what it answers, for about ten minutes */
export function responsesParams(model: string, request: ModelRequest, background = false): Params {
  const effort = openAiEffort(model, request.effort);
  return {
    model,
    stream: true,
    ...(background ? { background, store: true } : { store: false }),
    input: request.messages.flatMap((message) => inputItems(model, message)),
    instructions: request.system,
    max_output_tokens: request.maxOutputTokens,
    ...openAiSampling(model, request),
    ...(effort && { reasoning: { effort, summary: effort === 'none' ? undefined : 'auto' } }),
    ...withReasoning(model),
    ...(request.schema && { text: { format: { ...jsonFormat(request.schema), type: 'json_schema' } } }),
    ...(request.tools?.length && {
      tools: request.tools.map(tool),
      tool_choice: toolChoice(request),
      parallel_tool_calls: request.parallelTools,
    }),
  };
}

/** The name, schema and strictness of a structured answer; not strict where strict mode cannot say the same. */
export function jsonFormat(schema: Record<string, unknown>) {
  const strict = strictSchema(schema);
  return { name: 'answer', schema: strict ?? schema, strict: strict !== undefined };
}

function inputItems(model: string, message: Message): Item[] {
  const parts = partsOf(message);
  const items: Item[] = [];
  const said = parts.filter((part) => part.type === 'text' || part.type === 'image' || part.type === 'file');
  for (const part of parts) {
    if (part.type === 'reasoning') items.push(...signedItems(model, part.signature));
    if (part.type === 'toolResult')
      items.push({ type: 'function_call_output', call_id: part.id, output: part.content });
  }
  if (said.length > 0) items.push(spoken(message.role, said));
  for (const part of parts) {
    if (part.type !== 'toolCall') continue;
    items.push(...signedItems(model, part.signature));
    items.push({ type: 'function_call', call_id: part.id, name: part.name, arguments: JSON.stringify(part.arguments) });
  }
  return items;
}

function spoken(role: Message['role'], parts: Part[]): Item {
  if (role === 'assistant') {
    return { role, content: parts.map((part) => (part.type === 'text' ? part.text : '')).join('') };
  }
  return { role: role === 'system' ? 'developer' : 'user', content: parts.map(content) };
}

function content(part: Part): OpenAI.Responses.ResponseInputContent {
  if (part.type === 'image') return { type: 'input_image', image_url: imageUrl(part), detail: 'auto' };
  if (part.type === 'file') {
    if (part.url !== undefined) return { type: 'input_file', file_url: part.url };
    return { type: 'input_file', filename: fileName(part), file_data: dataUrl(part) };
  }
  return { type: 'input_text', text: part.type === 'text' ? part.text : '' };
}

/** The reasoning items a signature stands for, or none if another model made it. */
function signedItems(model: string, signature: string | undefined): Item[] {
  const items = unseal('openai', model, signature);
  if (!items?.startsWith('[')) return [];
  return (JSON.parse(items) as { id: string; encrypted_content: string }[]).map((item) => ({
    type: 'reasoning',
    summary: [],
    ...item,
  }));
}

function tool(definition: NonNullable<ModelRequest['tools']>[number]): OpenAI.Responses.FunctionTool {
  const strict = strictSchema(definition.parameters);
  return {
    type: 'function',
    name: definition.name,
    description: definition.description,
    parameters: strict ?? definition.parameters,
    // Said either way: the API would otherwise make optional parameters required.
    strict: strict !== undefined,
  };
}

function toolChoice({ toolChoice: choice }: ModelRequest): Params['tool_choice'] {
  return typeof choice === 'object' ? { type: 'function', name: choice.name } : choice;
}
