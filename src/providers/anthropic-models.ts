import type { Effort } from '../contract/index.ts';

/**
 * What Claude models take, by family. From the SDK's types (no temperature, top_p, top_k or seed; `ThinkingConfigParam`;
 * `OutputConfig.effort`) and Anthropic's migration guides: 4.5 models think by a budget, 4.6 and later adaptively, from
 * generation 5 without being asked; Sonnet 5 can switch it off, Sonnet 5.5 only before the answer (`between_tools`),
 * the others not at all. Where thinking is always on, a tool cannot be forced.
 */
export interface ClaudeTraits {
  effort: boolean;
  thinking: 'budget' | 'adaptive' | 'unknown';
  thinksUnasked: boolean;
  /** how to ask for no thinking; undefined where that cannot be asked */
  off?: 'disabled' | 'between_tools';
  forcedTools: boolean;
}

const FAMILIES: [RegExp, ClaudeTraits][] = [
  [/^claude-opus-4-5/, { effort: true, thinking: 'budget', thinksUnasked: false, forcedTools: true }],
  [
    /^claude-[a-z]+-4-5|^claude-[a-z]+-4-\d{8}|^claude-3/,
    { effort: false, thinking: 'budget', thinksUnasked: false, forcedTools: true },
  ],
  [/^claude-[a-z]+-4-\d/, { effort: true, thinking: 'adaptive', thinksUnasked: false, forcedTools: true }],
  [
    /^claude-sonnet-5(-\d{8})?$/,
    { effort: true, thinking: 'adaptive', thinksUnasked: true, off: 'disabled', forcedTools: true },
  ],
  [
    /^claude-sonnet-5-/,
    { effort: true, thinking: 'adaptive', thinksUnasked: true, off: 'between_tools', forcedTools: false },
  ],
  [/^claude-/, { effort: true, thinking: 'adaptive', thinksUnasked: true, forcedTools: false }],
];
/** Other models behind an endpoint that speaks this wire get nothing they may not know. */
const UNKNOWN: ClaudeTraits = { effort: false, thinking: 'unknown', thinksUnasked: false, forcedTools: true };

export function claudeTraits(model: string): ClaudeTraits {
  return FAMILIES.find(([family]) => family.test(model))?.[1] ?? UNKNOWN;
}

/** Anthropic's nearest level. */
export const CLAUDE_EFFORT = {
  none: 'low',
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
} as const satisfies Record<Effort, string>;

/** Thinking tokens by effort, for models that think by a budget (at least 1,024 is asked for). */
export const THINKING_BUDGET = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384 } as const;

/** Anthropic insists on `max_tokens`, and counts thinking in it. */
export const CLAUDE_MAX_TOKENS = 16_384;
