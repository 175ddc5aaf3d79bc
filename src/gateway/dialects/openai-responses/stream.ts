import type { CallError } from '../../../contract/index.ts';
import type { Problem } from '../../problem.ts';
import { type Holding, NotAnswered, type Piece } from '../answered.ts';
import { openAiError } from '../errors.ts';
import {
  answeredResponse,
  itemId,
  type OutputItem,
  outputText,
  type ResponseFrame,
  reasoningItem,
  responseObject,
} from './answer.ts';

/** An item that is not done yet. */
interface OpenItem {
  key: string;
  text: string;
  index: number;
  item: OutputItem;
}

/**
 * The answer as the Responses API streams it: each item added, filled and done, each event with its number. What was taken
 * back has had its numbers too, so that an event has the same one whenever the run is read, and whoever goes on from a
 * number is told what follows it.
 *
 *   created, in_progress --> item added, part added, deltas, done, part done, item done --> ... --> completed
 */
export function responseEvents(frame: ResponseFrame, after = -1) {
  let sequence = 0;
  let items = 0;
  let begun = false;
  let open: OpenItem | undefined;
  const done: OutputItem[] = [];
  /** the number of the last event that was told */
  let heard = after;
  /** the number of the first event of what is said now */
  let from = Number.POSITIVE_INFINITY;

  /** Events up to the reader's cursor are counted and not told. */
  function event(type: string, rest: object): string {
    const number = sequence++;
    if (number <= after) return '';
    return `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...rest })}\n\n`;
  }

  function begin(): string {
    if (begun) return '';
    begun = true;
    const response = responseObject(frame, { status: 'in_progress', output: [] });
    return event('response.created', { response }) + event('response.in_progress', { response });
  }

  /** The reader of a later number was spared it before. @throws NotAnswered where the reader has heard of it */
  function takeBack(error: CallError): void {
    if (heard >= from && sequence > after) throw new NotAnswered(error);
    sequence += 1;
    from = Number.POSITIVE_INFINITY;
    items = 0;
    open = undefined;
    done.length = 0;
  }

  /** What is told of a page: nothing that the same page takes back. */
  function pageOf(pieces: Piece[]): string {
    let first = '';
    let words = '';
    for (const piece of pieces) {
      if (piece.type === 'begin') first += begin();
      else if (piece.type === 'takenBack') {
        takeBack(piece.error);
        words = '';
      } else {
        from = Math.min(from, sequence);
        words += told(piece);
      }
    }
    if (words !== '') heard = sequence - 1;
    return first + words;
  }

  function told(piece: Exclude<Holding, { type: 'begin' }>): string {
    switch (piece.type) {
      case 'reasoning': {
        const place = within('reasoning', {
          ...reasoningItem(frame.id, ''),
          status: 'in_progress',
          summary: [],
        } as never);
        open!.text += piece.text;
        return place + event('response.reasoning_summary_text.delta', { ...at(), summary_index: 0, delta: piece.text });
      }
      case 'text': {
        const id = itemId('msg', frame.id);
        const item = { type: 'message' as const, id, status: 'in_progress' as const, role: 'assistant' as const };
        const place = within('text', { ...item, content: [] });
        open!.text += piece.text;
        return (
          place + event('response.output_text.delta', { ...at(), content_index: 0, delta: piece.text, logprobs: [] })
        );
      }
      case 'tool': {
        const { index, id: call, name } = piece;
        const item = { type: 'function_call' as const, id: itemId('fc', frame.id, index), call_id: call, name };
        return within(`tool ${index}`, { ...item, status: 'in_progress', arguments: '' });
      }
      case 'toolInput':
        open!.text += piece.text;
        return event('response.function_call_arguments.delta', { ...at(), delta: piece.text });
      case 'end': {
        const response = answeredResponse(frame, piece.answer);
        const last = begin() + close();
        return last + event(`response.${response.status}`, { response });
      }
    }
  }

  function at() {
    return { item_id: open!.item.id, output_index: open!.index };
  }

  /** Begins an item, if it is not the one that is open. */
  function within(key: string, item: OutputItem): string {
    if (open?.key === key) return '';
    const before = close();
    open = { key, text: '', index: items++, item };
    const added = event('response.output_item.added', { output_index: open.index, item });
    if (item.type === 'reasoning') {
      const part = { type: 'summary_text', text: '' };
      return before + added + event('response.reasoning_summary_part.added', { ...at(), summary_index: 0, part });
    }
    if (item.type !== 'message') return before + added;
    return before + added + event('response.content_part.added', { ...at(), content_index: 0, part: outputText('') });
  }

  function close(): string {
    if (!open) return '';
    const { text, item, index } = open;
    const [finished, last] = ended(item, text);
    open = undefined;
    done.push(finished);
    return last + event('response.output_item.done', { output_index: index, item: finished });
  }

  function ended(item: OutputItem, text: string): [OutputItem, string] {
    if (item.type === 'reasoning') {
      const part = { type: 'summary_text' as const, text };
      return [
        { ...item, status: 'completed', summary: [part] },
        event('response.reasoning_summary_text.done', { ...at(), summary_index: 0, text }) +
          event('response.reasoning_summary_part.done', { ...at(), summary_index: 0, part }),
      ];
    }
    if (item.type === 'message') {
      const part = outputText(text);
      return [
        { ...item, status: 'completed', content: [part] },
        event('response.output_text.done', { ...at(), content_index: 0, text, logprobs: [] }) +
          event('response.content_part.done', { ...at(), content_index: 0, part }),
      ];
    }
    return [
      { ...item, status: 'completed', arguments: text },
      event('response.function_call_arguments.done', { ...at(), name: item.name, arguments: text }),
    ];
  }

  return {
    /** @param atOnce the run is told of before it says anything */
    async *frames(pages: AsyncIterable<Piece[]>, atOnce = false): AsyncGenerator<string> {
      if (atOnce) yield begin();
      for await (const page of pages) yield pageOf(page);
    },
    failed(problem: Problem): string {
      const { code, message } = openAiError(problem).error;
      const status = problem.errorType === 'Cancelled' ? 'cancelled' : 'failed';
      const error = status === 'failed' ? { code, message } : null;
      const response = responseObject(frame, { status, output: done, error });
      return begin() + event(`response.${status}`, { response });
    },
  };
}
