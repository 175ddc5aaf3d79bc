import { type Holding, type Piece, unlessTakenBack } from '../answered.ts';
import { stopOf, usageOf } from './answer.ts';

/**
 * The answer as Anthropic streams it: blocks one after the other, each begun, filled and ended. What the request took is
 * only known at the end, so that the first event names no tokens.
 */
export async function* messageEvents(
  pages: AsyncIterable<Piece[]>,
  { id, model: asked }: { id: string /** as it was asked for, until it is known who answers */; model: string },
): AsyncGenerator<string> {
  let index = -1;
  let open: string | undefined;
  let begun = false;

  for await (const page of unlessTakenBack(pages)) yield page.map(frame).join('');

  function frame(piece: Holding): string {
    switch (piece.type) {
      case 'begin':
        return start(piece.model ?? asked);
      case 'text':
        return within('text', { type: 'text', text: '' }) + delta({ type: 'text_delta', text: piece.text });
      case 'reasoning':
        return (
          within('thinking', { type: 'thinking', thinking: '', signature: '' }) +
          delta({ type: 'thinking_delta', thinking: piece.text })
        );
      case 'tool': {
        const { id: call, name } = piece;
        return within(`tool ${piece.index}`, { type: 'tool_use', id: call, name, input: {} });
      }
      case 'toolInput':
        return delta({ type: 'input_json_delta', partial_json: piece.text });
      case 'end': {
        const { answer } = piece;
        const last = {
          delta: { stop_reason: stopOf(answer.finishReason), stop_sequence: null },
          usage: usageOf(answer),
        };
        const first = begun ? '' : start(answer.model);
        return `${first}${close()}${framed('message_delta', last)}${framed('message_stop', {})}`;
      }
    }
  }

  function start(model: string): string {
    begun = true;
    const usage = { input_tokens: 0, output_tokens: 0 };
    const none = { content: [], stop_reason: null, stop_sequence: null, usage };
    return framed('message_start', { message: { id, type: 'message', role: 'assistant', model, ...none } });
  }

  /** Begins a block, if it is not the one that is open. */
  function within(block: string, content: object): string {
    if (open === block) return '';
    const before = close();
    open = block;
    index += 1;
    return before + framed('content_block_start', { index, content_block: content });
  }

  function delta(said: object): string {
    return framed('content_block_delta', { index, delta: said });
  }

  function close(): string {
    if (open === undefined) return '';
    open = undefined;
    return framed('content_block_stop', { index });
  }
}

function framed(type: string, rest: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
}
