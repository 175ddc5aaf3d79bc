import { z } from 'zod';
import { later } from '../later.ts';
import { Duration, PolicyRef } from '../policy.ts';

const Tokens = later(() => z.number().int().positive());

/** What of a conversation is sent with each message. All tokens are counted as the provider bills them. */
export const ContextPolicy = later(() =>
  z
    .strictObject({
      /** newest turns, as many as fit a request of so many tokens in all; on the way over, a quarter of it is cleared */
      window: z.strictObject({ maxTokens: Tokens.min(500) }),
      /** older turns become a summary, made by a model call of its own */
      summary: z
        .strictObject({
          /** left out, the conversation's own policy */
          policy: PolicyRef.optional(),
          /** a summary is made when turns without one have more tokens than this */
          whenOverTokens: Tokens,
          /** newest turns that are left as they are */
          keepTurns: z.number().int().min(1),
        })
        .optional(),
      /** facts that go with every request */
      pinned: z.array(z.string().min(1)).max(100).optional(),
    })
    .refine(({ window, summary }) => summary === undefined || summary.whenOverTokens < window.maxTokens, {
      message: 'A summary must be due before the window is full: whenOverTokens below window.maxTokens',
      path: ['summary', 'whenOverTokens'],
    }),
);
export type ContextPolicy = z.infer<typeof ContextPolicy>;

/** Enough for a long talk, and far from any model's window. */
export const DEFAULT_CONTEXT: ContextPolicy = {
  window: { maxTokens: 16_000 },
  summary: { whenOverTokens: 12_000, keepTurns: 6 },
};

export const ConversationInput = later(() =>
  z.strictObject({
    system: z.string().min(1).optional(),
    policy: PolicyRef.optional(),
    context: ContextPolicy.optional(),
    /** the run ends when no message came for so long; left out, it waits for ever */
    idle: Duration.optional(),
    /** turns one Temporal history holds before the run goes on in a new one, default 100 */
    historyTurns: z.number().int().min(1).max(500).optional(),
  }),
);
export type ConversationInput = z.infer<typeof ConversationInput>;

export const ConversationResult = later(() =>
  z.object({
    /** messages that were answered */
    turns: z.number().int().nonnegative(),
  }),
);
export type ConversationResult = z.infer<typeof ConversationResult>;

/** The Signal that makes a conversation nobody talks with look whether a newer build is there. */
export const WAKE_CONVERSATION = 'wake';

/** The argument of the Update `send`. */
export const SendMessage = later(() =>
  z.strictObject({
    text: z.string().regex(/\S/, 'A message needs text').max(2_000_000, 'A message has at most 2,000,000 characters'),
  }),
);
export type SendMessage = z.infer<typeof SendMessage>;
