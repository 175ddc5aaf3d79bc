import { createRequire } from 'node:module';
import { type FilePart, type ModelRequest, type Part, partsOf, type Usage } from '../contract/index.ts';

/** Loaded with the first text: its tables take longer to read than a short command takes. */
const load = createRequire(import.meta.url);
const tokenizer = (): typeof import('gpt-tokenizer/encoding/o200k_base') => load('gpt-tokenizer/encoding/o200k_base');

/** Text is encoded in pieces: the encoder's time grows with the square of a run without spaces (100 kB of `aaa` took 3.8 s). */
const PIECE = 1_000;
/** Longer texts are sampled: this many pieces, evenly spread, scaled up. */
const SAMPLES = 48;
/** Tokens of one image, whatever its size: about a 1,000 x 1,000 picture at Anthropic (1,334) and OpenAI (765 to 1,105), rounded up. */
export const IMAGE_TOKENS = 1_600;
/** Tokens of a file that is named by its address: a few pages. */
const FILE_TOKENS = 10_000;
/** Role and separators of one message. */
const MESSAGE_TOKENS = 4;

/** Tokens of a text, by OpenAI's o200k tokenizer; an estimate for everybody else, and for texts over 48 kB a sampled one. */
export function estimateTokens(text: string): number {
  const pieces = Math.ceil(text.length / PIECE);
  const sampled = Math.min(pieces, SAMPLES);
  const { countTokens } = tokenizer();
  let tokens = 0;
  let characters = 0;
  for (let sample = 0; sample < sampled; sample++) {
    const start = Math.floor((sample * pieces) / sampled) * PIECE;
    const piece = text.slice(start, start + PIECE);
    // Marks such as <|endoftext|> are ordinary text here, not an error.
    tokens += countTokens(piece, { disallowedSpecial: new Set() });
    characters += piece.length;
  }
  return characters === 0 ? 0 : Math.ceil((tokens * text.length) / characters);
}

/** Estimated tokens of all that a request sends. */
export function estimateInput(request: ModelRequest): number {
  const messages = request.messages.map(
    (message) => MESSAGE_TOKENS + partsOf(message).reduce((sum, part) => sum + partTokens(part), 0),
  );
  const rest = [
    request.system,
    request.tools && JSON.stringify(request.tools),
    request.schema && JSON.stringify(request.schema),
  ];
  return sum(messages) + sum(rest.map((text) => (text ? estimateTokens(text) : 0)));
}

/** Usage where an endpoint reports none. */
export function estimateUsage(request: ModelRequest, output: string): Usage {
  return { inputTokens: estimateInput(request), outputTokens: estimateTokens(output) };
}

/**
 * What a call used: as the provider told it, and by our own count where it told nothing. Words without a token, and a
 * request without one, are told by servers that do not count.
 * @param said all that was streamed; `since`: what of it came after the provider's last count
 */
export function settledUsage(
  told: Partial<Usage> | undefined,
  request: ModelRequest,
  { said, since }: { said: string; since: string },
): { usage: Usage; estimated: boolean } {
  const countsOutput = told?.outputTokens !== undefined && (told.outputTokens > 0 || said === since || said === '');
  const usage = {
    ...told,
    inputTokens: told?.inputTokens || estimateInput(request),
    outputTokens: countsOutput ? told.outputTokens! + estimateTokens(since) : estimateTokens(said),
  };
  return { usage, estimated: !told?.inputTokens || !countsOutput || since !== '' };
}

function partTokens(part: Part): number {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return estimateTokens(part.text);
    case 'image':
      return IMAGE_TOKENS;
    case 'file':
      return fileTokens(part);
    case 'toolCall':
      return estimateTokens(part.name) + estimateTokens(JSON.stringify(part.arguments));
    case 'toolResult':
      return estimateTokens(part.content);
  }
}

/** A page of a PDF is 1,500 to 3,000 tokens (docs.claude.com, PDF support) in some 20 to 50 kB; text is what it is. */
function fileTokens({ mediaType, data }: FilePart): number {
  if (data === undefined) return FILE_TOKENS;
  const bytes = (data.length * 3) / 4;
  return mediaType.startsWith('text/') ? Math.ceil(bytes / 3) : Math.max(IMAGE_TOKENS, Math.ceil(bytes / 12));
}

const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0);
