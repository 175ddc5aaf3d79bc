/** Why an answer ended, in the AI SDK's words: it knows no refusal of a model's own. */
export const FINISH_REASONS = {
  stop: 'stop',
  length: 'length',
  toolCalls: 'tool-calls',
  contentFilter: 'content-filter',
  refusal: 'content-filter',
  other: 'other',
} as const;
