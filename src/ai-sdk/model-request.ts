import type {
  LanguageModelV4CallOptions,
  LanguageModelV4Message,
  SharedV4FileData,
  SharedV4Warning,
} from '@ai-sdk/provider';
import type { AskInput, Message, Part } from '../contract/index.ts';

/** What a call of the AI SDK is as a question of Cadenza. */
export type ModelQuestion = Required<Pick<AskInput, 'messages'>> &
  Pick<AskInput, 'system' | 'schema' | 'tools' | 'toolChoice' | 'settings' | 'policy'>;

/** @param model a policy or alias of the config, or models in order: `openai/gpt-6-sol,anthropic/claude-sonnet-5-5`
 *  @returns the question, and what of the call is left out */
export function questionOf(
  model: string,
  options: LanguageModelV4CallOptions,
): { question: ModelQuestion; warnings: SharedV4Warning[] } {
  const { prompt, tools = [], toolChoice, responseFormat } = options;
  const functions = tools.flatMap((tool) => (tool.type === 'function' ? [tool] : []));
  const system = prompt.flatMap((message) => (message.role === 'system' ? [message.content] : [])).join('\n\n');
  const schema = responseFormat?.type === 'json' ? responseFormat.schema : undefined;
  const settings = settingsOf(options);
  const question: ModelQuestion = {
    messages: prompt.flatMap(messageOf),
    ...(model.includes('/') ? { policy: { candidates: model.split(',') } } : model !== 'default' && { policy: model }),
    ...(system !== '' && { system }),
    ...(schema && { schema: schema as Record<string, unknown> }),
    ...(Object.keys(settings).length > 0 && { settings }),
  };
  if (functions.length > 0) {
    question.tools = functions.map(({ name, description, inputSchema }) => ({
      name,
      ...(description !== undefined && { description }),
      parameters: inputSchema as Record<string, unknown>,
    }));
    if (toolChoice) question.toolChoice = toolChoice.type === 'tool' ? { name: toolChoice.toolName } : toolChoice.type;
  }
  return { question, warnings: leftOut(options) };
}

function settingsOf({
  temperature,
  topP,
  seed,
  stopSequences,
  maxOutputTokens,
  reasoning,
}: LanguageModelV4CallOptions) {
  const all = { temperature, topP, seed, stop: stopSequences, maxOutputTokens, effort: effortOf(reasoning) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as NonNullable<
    AskInput['settings']
  >;
}

function effortOf(reasoning: LanguageModelV4CallOptions['reasoning']) {
  if (reasoning === undefined || reasoning === 'provider-default') return undefined;
  return reasoning === 'xhigh' || reasoning === 'max' ? 'high' : reasoning;
}

function leftOut({ tools = [], responseFormat, ...options }: LanguageModelV4CallOptions): SharedV4Warning[] {
  const settings = (['topK', 'presencePenalty', 'frequencyPenalty'] as const).filter(
    (name) => options[name] !== undefined,
  );
  const providers = tools.flatMap((tool) => (tool.type === 'provider' ? [`tool ${tool.id}`] : []));
  const json = responseFormat?.type === 'json' && !responseFormat.schema ? ['JSON without a schema'] : [];
  return [...settings, ...providers, ...json].map((feature) => ({ type: 'unsupported', feature }));
}

function messageOf(message: LanguageModelV4Message): Message[] {
  const parts = partsOf(message);
  return message.role === 'system' || parts.length === 0 ? [] : [{ role: message.role, content: parts }];
}

function partsOf(message: LanguageModelV4Message): Part[] {
  if (message.role === 'system') return [];
  return (message.content as ContentPart[]).flatMap((part): Part[] => {
    switch (part.type) {
      case 'text':
        return part.text === '' ? [] : [{ type: 'text', text: part.text }];
      case 'reasoning':
        return [{ type: 'reasoning', text: part.text, ...signatureIn(part) }];
      case 'file':
        return [filePart(part.data, part.mediaType, part.filename)];
      case 'tool-call': {
        const { toolCallId: id, toolName: name, input } = part;
        return [
          { type: 'toolCall', id, name, arguments: (input ?? {}) as Record<string, unknown>, ...signatureIn(part) },
        ];
      }
      case 'tool-result': {
        const { toolCallId: id, toolName: name, output } = part;
        return [{ type: 'toolResult', id, name, ...resultOf(output) }];
      }
      default:
        return [];
    }
  });
}

type ContentPart = Extract<LanguageModelV4Message, { role: 'assistant' | 'tool' | 'user' }>['content'][number];

/** A provider's own token, as a reply gave it in its metadata. */
function signatureIn({ providerOptions }: ContentPart): { signature?: string } {
  const signature = providerOptions?.cadenza?.signature;
  return typeof signature === 'string' ? { signature } : {};
}

const IMAGES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
type Image = (typeof IMAGES)[number];

function filePart(data: SharedV4FileData, mediaType: string, name?: string): Part {
  if (data.type === 'text') return { type: 'text', text: data.text };
  if (data.type === 'reference')
    throw new TypeError('Files that a provider keeps are of one provider alone: give them as data');
  const place = data.type === 'url' ? { url: data.url.toString() } : { data: base64(data.data) };
  if (!mediaType.startsWith('image')) return { type: 'file', mediaType, ...(name && { name }), ...place };
  if (IMAGES.includes(mediaType as Image)) return { type: 'image', mediaType: mediaType as Image, ...place };
  if ('url' in place) return { type: 'image', ...place };
  throw new TypeError(`${mediaType}: images are PNG, JPEG, GIF or WebP`);
}

type ToolOutput = Extract<ContentPart, { type: 'tool-result' }>['output'];

function resultOf(output: ToolOutput): { content: string; isError?: boolean } {
  switch (output.type) {
    case 'text':
      return { content: output.value };
    case 'json':
      return { content: JSON.stringify(output.value) };
    case 'error-text':
      return { content: output.value, isError: true };
    case 'error-json':
      return { content: JSON.stringify(output.value), isError: true };
    case 'execution-denied':
      return { content: output.reason ?? 'It was not allowed', isError: true };
    case 'content':
      return { content: output.value.map((part) => (part.type === 'text' ? part.text : `(${part.type})`)).join('\n') };
  }
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** RFC 4648, section 4: neither browsers nor Temporal's sandbox have one way that all of them know. */
function base64(data: Uint8Array | string): string {
  if (typeof data === 'string') return data;
  let text = '';
  for (let at = 0; at < data.length; at += 3) {
    const [one = 0, two = 0, three = 0] = data.subarray(at, at + 3);
    const bits = (one << 16) | (two << 8) | three;
    const digits = [18, 12, 6, 0].map((shift) => DIGITS[(bits >> shift) & 63]).join('');
    text += at + 2 < data.length ? digits : digits.slice(0, data.length - at + 1).padEnd(4, '=');
  }
  return text;
}
