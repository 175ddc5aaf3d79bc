import type { Effort, Insisted, ModelRequest } from '../contract/index.ts';

/**
 * What OpenAI's models take, by family. From the SDK's types (`ReasoningEffort`, `ChatModel`) and OpenAI's model guides:
 * gpt-6 and gpt-5.5/5.6 refuse temperature and top_p unless their effort is `none`; gpt-6-astra, gpt-6.1-sol, gpt-6.2
 * and the pro models have no `none`; only the first gpt-5 has `minimal`; gpt-5.1 to 5.4 think only when asked.
 */
const REASONING = /^(o\d|gpt-5|gpt-6|gpt-[7-9]|codex|computer-use)/;
const CHAT_ONLY = /chat-latest/;
const ALWAYS_THINKS =
  /^(o\d|gpt-5(-|$)|gpt-6-astra|gpt-6\.1-sol|gpt-6\.2|gpt-[7-9])|-pro|codex|cyber|daybreak|rosalind/;
const HAS_MINIMAL = /^gpt-5(-mini|-nano)?(-\d{4}-\d\d-\d\d)?$/;
const THINKS_WHEN_ASKED = /^gpt-5\.[1-4](-mini|-nano)?(-\d{4}-\d\d-\d\d)?$/;
const HIGH_ONLY = /^gpt-5-pro/;

export function isReasoningModel(model: string): boolean {
  return REASONING.test(model) && !CHAT_ONLY.test(model);
}

/** The model's nearest level; undefined for models that do not think. */
export function openAiEffort(model: string, effort: Effort | undefined) {
  if (effort === undefined || !isReasoningModel(model)) return undefined;
  if (HIGH_ONLY.test(model)) return 'high';
  if (effort === 'none') return ALWAYS_THINKS.test(model) ? (HAS_MINIMAL.test(model) ? 'minimal' : 'low') : 'none';
  if (effort === 'minimal') return HAS_MINIMAL.test(model) ? 'minimal' : 'low';
  return effort;
}

/** Temperature and top_p, where the model accepts them at the effort it is asked with. */
export function openAiSampling(model: string, request: ModelRequest) {
  return takesSampling(model, request) ? { temperature: request.temperature, top_p: request.topP } : {};
}

/** What the Responses API does not take. It has no `seed` and no `stop`. */
export function lacksOfOpenAi(model: string, request: ModelRequest): Insisted[] {
  return ['seed', 'stop', ...(takesSampling(model, request) ? [] : (['temperature', 'topP'] as const))];
}

function takesSampling(model: string, request: ModelRequest): boolean {
  const effort = openAiEffort(model, request.effort);
  return !isReasoningModel(model) || effort === 'none' || (effort === undefined && THINKS_WHEN_ASKED.test(model));
}
