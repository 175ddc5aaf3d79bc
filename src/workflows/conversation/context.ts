import type {
  ContextPolicy,
  KeptMessage,
  ModelRef,
  Policy,
  SummaryDue,
  TranscriptPlace,
  Usage,
} from '../../contract/index.ts';

/** What a conversation knows between two messages: references and numbers, no texts. It goes along into new histories. */
export interface Memory {
  place: TranscriptPlace;
  /** instructions and pinned facts */
  fixed: KeptMessage[];
  /** of all lines before `to`; after a failure, the next one is not tried before so many turns */
  summary: { kept?: KeptMessage; to: number; due?: SummaryDue; notBefore?: number };
  /** tokens as a provider billed them, for each estimated one */
  ratios: Record<ModelRef, number>;
  /** the most a request may have, where a provider took less than the context policy allows */
  maxTokens: number;
  turns: number;
}

/** Below this share of the limit a request says little: what providers add to each weighs too much. */
const TELLING = 0.1;
/** What an endpoint reports that does not count all it was sent, or counts in another way altogether. */
const CREDIBLE = { least: 0.8, most: 2.5 };
/** How fast the ratio falls after a request with fewer tokens than expected. It rises at once. */
const FALL = 0.1;

/** The ratio after one more request. The limit is to hold for the next one too, so it follows the worst of late. */
export function corrected(memory: Memory, model: ModelRef, estimate: number, { inputTokens }: Usage): Memory['ratios'] {
  if (estimate < memory.maxTokens * TELLING || inputTokens === 0) return memory.ratios;
  const seen = Math.min(CREDIBLE.most, Math.max(CREDIBLE.least, inputTokens / estimate));
  const before = memory.ratios[model];
  const now = before === undefined || seen > before ? seen : before + FALL * (seen - before);
  return { ...memory.ratios, [model]: Number(now.toFixed(4)) };
}

/** A number of billed tokens in estimated ones: for whichever candidate will answer. */
export function inEstimated(tokens: number, { ratios }: Memory, { candidates }: Policy): number {
  return Math.floor(tokens / Math.max(...candidates.map((model) => ratios[model] ?? 1)));
}

/** Estimated tokens that go with every request. */
export function fixedTokens({ fixed, summary }: Memory): number {
  return [...fixed, ...(summary.kept ? [summary.kept] : [])].reduce((sum, { tokens }) => sum + tokens, 0);
}

export function fixedHashes({ fixed, summary }: Memory): string[] {
  return [...fixed, ...(summary.kept ? [summary.kept] : [])].map(({ hash }) => hash);
}

/** The texts that go with every request as they are. */
export function fixedTexts(system: string | undefined, { pinned = [] }: ContextPolicy): string[] {
  return [
    ...(system === undefined ? [] : [system]),
    ...(pinned.length === 0 ? [] : [`Facts to keep in mind:\n${pinned.map((fact) => `- ${fact}`).join('\n')}`]),
  ];
}
