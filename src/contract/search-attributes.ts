/** What runs are found by in the Temporal UI, with their types there. */
export const SEARCH_ATTRIBUTES = {
  CadenzaPattern: 'Keyword',
  CadenzaTenant: 'Keyword',
  CadenzaModels: 'KeywordList',
  CadenzaCostUsd: 'Double',
} as const;

export type SearchAttribute = keyof typeof SEARCH_ATTRIBUTES;
