import { z } from 'zod';
import { Message } from '../messages.ts';

/** What is asked: a prompt, or a conversation so far. Patterns that ask something spread these into their input. */
export const question = () => ({
  prompt: z.string().min(1).optional(),
  messages: z.array(Message).min(1).optional(),
  system: z.string().optional(),
});

export const oneQuestion = (input: { prompt?: string; messages?: unknown[] }) =>
  (input.prompt === undefined) !== (input.messages === undefined);

export const ONE_QUESTION = { message: 'Give either prompt or messages', path: ['prompt'] };
