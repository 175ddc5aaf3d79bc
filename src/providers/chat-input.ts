import type { OpenAI } from 'openai';
import { type Effort, type Message, type ModelRequest, type Part, partsOf, textOf } from '../contract/index.ts';
import { refuseFile } from './insisted-settings.ts';
import { jsonFormat } from './openai-input.ts';
import { dataUrl, fileName, imageUrl } from './system-text.ts';

type Params = OpenAI.ChatCompletionCreateParamsStreaming;
type Turn = OpenAI.ChatCompletionMessageParam;

/** The levels most servers know (Ollama, vLLM, Groq, OpenRouter). */
const EFFORTS = { none: 'none', minimal: 'low', low: 'low', medium: 'medium', high: 'high' } as const satisfies Record<
  Effort,
  string
>;

/** A request as Chat Completions take it. `max_tokens` is the older name, and the one all servers know. */
export function chatParams(model: string, request: ModelRequest): Params {
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: [
      ...(request.system ? [{ role: 'system' as const, content: request.system }] : []),
      ...request.messages.flatMap(turns),
    ],
    max_tokens: request.maxOutputTokens,
    temperature: request.temperature,
    top_p: request.topP,
    seed: request.seed,
    stop: request.stop,
    reasoning_effort: request.effort && EFFORTS[request.effort],
    ...(request.schema && { response_format: { type: 'json_schema', json_schema: jsonFormat(request.schema) } }),
    ...(request.tools?.length && {
      tools: request.tools.map(tool),
      tool_choice: toolChoice(request),
      parallel_tool_calls: request.parallelTools,
    }),
  };
}

function turns(message: Message): Turn[] {
  const parts = partsOf(message);
  const results: Turn[] = parts
    .filter((part) => part.type === 'toolResult')
    .map((part) => ({ role: 'tool', tool_call_id: part.id, content: part.content }));
  const said = parts.filter((part) => part.type === 'text' || part.type === 'image' || part.type === 'file');
  const calls = parts.filter((part) => part.type === 'toolCall');
  if (message.role === 'assistant') {
    const tool_calls = calls.map((call) => ({
      id: call.id,
      type: 'function' as const,
      function: { name: call.name, arguments: JSON.stringify(call.arguments) },
    }));
    return [{ role: 'assistant', content: textOf(message) || null, ...(tool_calls.length > 0 && { tool_calls }) }];
  }
  if (message.role === 'system') return [{ role: 'system', content: textOf(message) }];
  if (said.length === 0) return results;
  return [...results, { role: 'user', content: content(said) }];
}

/** Plain text where there is nothing else: the one form every server takes. */
function content(parts: Part[]): string | OpenAI.ChatCompletionContentPart[] {
  if (parts.every((part) => part.type === 'text')) return parts.map((part) => part.text).join('');
  return parts.map(contentPart);
}

/** @throws ProviderError InvalidRequest */
function contentPart(part: Part): OpenAI.ChatCompletionContentPart {
  if (part.type === 'image') return { type: 'image_url', image_url: { url: imageUrl(part) } };
  if (part.type !== 'file') return { type: 'text', text: part.type === 'text' ? part.text : '' };
  if (part.url !== undefined) refuseFile('Chat Completions take files only inline, not by address.');
  return { type: 'file', file: { filename: fileName(part), file_data: dataUrl(part) } };
}

function tool(definition: NonNullable<ModelRequest['tools']>[number]): OpenAI.ChatCompletionTool {
  const { name, description, parameters } = definition;
  return { type: 'function', function: { name, description, parameters } };
}

function toolChoice({ toolChoice: choice }: ModelRequest): Params['tool_choice'] {
  return typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;
}
