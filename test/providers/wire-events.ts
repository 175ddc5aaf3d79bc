import { sse } from './peer.ts';

/** The events of the four wires, in short. */

export const choice = (delta: object, finish_reason: string | null = null, more: object = {}) =>
  sse({ choices: [{ index: 0, delta, finish_reason }], ...more });
export const called = (...tool_calls: unknown[]) => choice({ tool_calls });
export const DONE = 'data: [DONE]\n\n';

export const claude = (...events: object[]) => events.map((event) => sse(event));
export const CLAUDE_START = {
  type: 'message_start',
  message: { id: 'm', role: 'assistant', content: [], usage: { input_tokens: 10, output_tokens: 1 } },
};
export const claudeText = (text: string, index = 0) => [
  { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index, delta: { type: 'text_delta', text } },
  { type: 'content_block_stop', index },
];
export const claudeEnd = (stop_reason: string, output_tokens = 6) => ({
  type: 'message_delta',
  delta: { stop_reason },
  usage: { output_tokens },
});
export const claudeTool = (pieces: string[], index = 0, closed = true) => [
  { type: 'content_block_start', index, content_block: { type: 'tool_use', id: `t${index}`, name: 'look', input: {} } },
  ...pieces.map((partial_json) => ({
    type: 'content_block_delta',
    index,
    delta: { type: 'input_json_delta', partial_json },
  })),
  ...(closed ? [{ type: 'content_block_stop', index }] : []),
];

export const gem = (parts: object[], more: object = {}, usageMetadata?: object) =>
  sse({ candidates: [{ content: { role: 'model', parts }, ...more }], ...(usageMetadata && { usageMetadata }) });

export const delta = (text: string) => ({ type: 'response.output_text.delta', delta: text, output_index: 0 });
export const completed = (more: object = {}) => ({
  type: 'response.completed',
  response: { id: 'r', status: 'completed', output: [], usage: { input_tokens: 10, output_tokens: 6 }, ...more },
});
