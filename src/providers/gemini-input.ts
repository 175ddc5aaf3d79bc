import {
  type Content,
  type FunctionCallingConfig,
  FunctionCallingConfigMode,
  type Part as GeminiPart,
  type GenerateContentConfig,
  type GenerateContentParameters,
  type ThinkingConfig,
  ThinkingLevel,
} from '@google/genai';
import { type Effort, type Message, type ModelRequest, type Part, partsOf } from '../contract/index.ts';
import { refuseUnknownSettings } from './insisted-settings.ts';
import { unseal } from './signatures.ts';
import { systemText, turnsOf } from './system-text.ts';

/** Gemini 3 and later think by level, 2.5 by a budget; only some of the smaller ones know `minimal`. */
const THINKS_BY_LEVEL = /^gemini-([3-9]|(flash|pro|flash-lite)-latest)/;
const THINKS_BY_BUDGET = /^gemini-2\.5-(flash|pro)/;
const NOT_A_THINKER = /image|tts|transcribe|live|omni|audio/;
const HAS_MINIMAL = /^gemini-3-flash|^gemini-3\.[15]-flash/;
const CANNOT_STOP_THINKING = /-pro/;
/** Tokens by effort for models that think by a budget (ranges of the Gemini API's thinking guide). */
const BUDGET = { minimal: 512, low: 1_024, medium: 8_192, high: 24_576 } as const;
/** Google's documented mark for tool calls that were made by another model, and so have no signature. */
const UNSIGNED = 'skip_thought_signature_validator';

/** A request as generateContent takes it. */
export function contentParams(
  model: string,
  request: ModelRequest,
  config: GenerateContentConfig,
): GenerateContentParameters {
  refuseUnknownSettings(model, request, ['parallelTools']);
  return {
    model,
    contents: merged(turnsOf(request).map((message) => turn(model, message))),
    config: {
      ...config,
      systemInstruction: systemText(request),
      maxOutputTokens: request.maxOutputTokens,
      temperature: request.temperature,
      topP: request.topP,
      seed: request.seed,
      stopSequences: request.stop,
      thinkingConfig: thinkingConfig(model, request.effort),
      ...(request.schema && { responseMimeType: 'application/json', responseJsonSchema: jsonSchema(request.schema) }),
      ...(request.tools?.length && {
        tools: [{ functionDeclarations: request.tools.map(declaration) }],
        ...toolConfig(request),
      }),
      // One call is one request: the SDK's own loops would ask again unseen.
      automaticFunctionCalling: { disable: true },
      automaticContinuation: false,
    },
  };
}

function thinkingConfig(model: string, effort: Effort | undefined): ThinkingConfig | undefined {
  if (NOT_A_THINKER.test(model)) return undefined;
  if (THINKS_BY_LEVEL.test(model)) {
    return { includeThoughts: true, ...(effort && { thinkingLevel: level(model, effort) }) };
  }
  if (!THINKS_BY_BUDGET.test(model)) return undefined;
  if (effort === 'none') {
    // 2.5 Pro cannot stop thinking; 128 tokens is the least it takes.
    return CANNOT_STOP_THINKING.test(model) ? { thinkingBudget: 128 } : { thinkingBudget: 0 };
  }
  return { includeThoughts: true, ...(effort && { thinkingBudget: BUDGET[effort] }) };
}

function level(model: string, effort: Effort): ThinkingLevel {
  if (effort === 'high') return ThinkingLevel.HIGH;
  if (effort === 'medium') return ThinkingLevel.MEDIUM;
  return effort !== 'low' && HAS_MINIMAL.test(model) ? ThinkingLevel.MINIMAL : ThinkingLevel.LOW;
}

function jsonSchema({ $schema: _dialect, ...schema }: Record<string, unknown>): Record<string, unknown> {
  return schema;
}

function turn(model: string, message: Message): Content {
  const parts = partsOf(message);
  const role = message.role === 'assistant' ? 'model' : 'user';
  const content = parts.flatMap((part) => geminiParts(model, part));
  if (role === 'model') sign(model, parts, content);
  return { role, parts: content };
}

function geminiParts(model: string, part: Part): GeminiPart[] {
  switch (part.type) {
    case 'text':
      return [{ text: part.text }];
    case 'image':
    case 'file':
      return [media(part)];
    case 'reasoning':
      return [];
    case 'toolCall': {
      const { id, name, arguments: args } = part;
      return [{ functionCall: { id, name, args }, thoughtSignature: unseal('gemini', model, part.signature) }];
    }
    case 'toolResult': {
      const response = part.isError ? { error: part.content } : { output: part.content };
      return [{ functionResponse: { id: part.id, name: part.name, response } }];
    }
  }
}

/** Puts the answer's signature where it came from, and marks tool calls of other models. */
function sign(model: string, parts: Part[], content: GeminiPart[]): void {
  const reasoning = parts.find((part) => part.type === 'reasoning');
  const signature = unseal('gemini', model, reasoning?.signature);
  const text = content.findLast((part) => part.text !== undefined);
  if (signature && text) text.thoughtSignature = signature;
  const calls = content.filter((part) => part.functionCall);
  const unsigned = calls.length > 0 && calls.every((part) => !part.thoughtSignature);
  if (unsigned && THINKS_BY_LEVEL.test(model)) calls[0]!.thoughtSignature = UNSIGNED;
}

function media(part: Extract<Part, { type: 'image' | 'file' }>): GeminiPart {
  if (part.data !== undefined) return { inlineData: { data: part.data, mimeType: part.mediaType } };
  return { fileData: { fileUri: part.url, mimeType: part.mediaType ?? mediaTypeOf(part.url ?? '') } };
}

function mediaTypeOf(url: string): string {
  const extension = /\.(png|gif|webp)(?:$|[?#])/i.exec(url)?.[1]?.toLowerCase();
  return `image/${extension ?? 'jpeg'}`;
}

/** Neighbours of one role as one turn: the results of parallel tool calls belong together. */
function merged(turns: Content[]): Content[] {
  const result: Content[] = [];
  for (const next of turns) {
    const last = result.at(-1);
    if (last?.role === next.role) last!.parts!.push(...next.parts!);
    else result.push(next);
  }
  return result;
}

function declaration({ name, description, parameters }: NonNullable<ModelRequest['tools']>[number]) {
  return { name, description, parametersJsonSchema: jsonSchema(parameters) };
}

function toolConfig({ toolChoice: choice }: ModelRequest): {
  toolConfig?: { functionCallingConfig: FunctionCallingConfig };
} {
  if (choice === undefined) return {};
  if (typeof choice === 'object') {
    return {
      toolConfig: {
        functionCallingConfig: { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: [choice.name] },
      },
    };
  }
  const modes = {
    auto: FunctionCallingConfigMode.AUTO,
    none: FunctionCallingConfigMode.NONE,
    required: FunctionCallingConfigMode.ANY,
  };
  return { toolConfig: { functionCallingConfig: { mode: modes[choice] } } };
}
