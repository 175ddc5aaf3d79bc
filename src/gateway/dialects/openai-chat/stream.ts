import { type Holding, type Piece, unlessTakenBack } from '../answered.ts';
import { finishOf, usageOf } from './answer.ts';

interface ChatStream {
  id: string;
  /** seconds since 1970 */
  created: number;
  /** as it was asked for, until it is known who answers */
  model: string;
  includeUsage: boolean;
}

/** The answer as `chat.completion.chunk`s, and `[DONE]`. Before that a comment tells what the run cost. */
export async function* chatChunks(
  pages: AsyncIterable<Piece[]>,
  { id, created, model: asked, includeUsage }: ChatStream,
): AsyncGenerator<string> {
  let model = asked;
  const chunk = (rest: object) =>
    framed({ id, object: 'chat.completion.chunk', created, model, ...(includeUsage && { usage: null }), ...rest });
  const said = (delta: object, finish: string | null = null) =>
    chunk({ choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }] });
  const start = said.bind(undefined, { role: 'assistant', content: '' });
  let begun = false;

  for await (const page of unlessTakenBack(pages)) yield page.map(frame).join('');
  yield 'data: [DONE]\n\n';

  function frame(piece: Holding): string {
    switch (piece.type) {
      case 'begin':
        model = piece.model ?? model;
        begun = true;
        return start();
      case 'text':
        return said({ content: piece.text });
      case 'reasoning':
        return said({ reasoning_content: piece.text });
      case 'tool': {
        const { index, id: call, name } = piece;
        return said({ tool_calls: [{ index, id: call, type: 'function', function: { name, arguments: '' } }] });
      }
      case 'toolInput':
        return said({ tool_calls: [{ index: piece.index, function: { arguments: piece.text } }] });
      case 'end': {
        const { answer } = piece;
        model = answer.model;
        const first = begun ? '' : start();
        const last = said({}, finishOf(answer.finishReason));
        const usage = includeUsage ? chunk({ choices: [], usage: usageOf(answer) }) : '';
        return `${first}${last}${usage}: x-cadenza-cost-usd ${answer.costUsd ?? 'unknown'}\n\n`;
      }
    }
  }
}

function framed(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
