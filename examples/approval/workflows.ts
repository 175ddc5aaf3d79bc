import type { Duration, PolicyRef } from 'cadenza/contract';
import { approval, generate } from 'cadenza/workflow';

export interface AnnouncementInput {
  topic: string;
  /** how long the draft waits for somebody to sign it off */
  patience?: Duration;
  /** who may; left out, anybody */
  approvers?: string[];
  /** of the draft; left out, the config's default */
  policy?: PolicyRef;
}

/**
 * Write an announcement, and let it out only when a person says so.
 *
 *   draft --> sign-off (waits for days) --yes--> published
 *                                       --no---> held back, with the reason
 */
export async function announcement({ topic, patience = '3 days', approvers, policy }: AnnouncementInput) {
  const draft = await generate({
    step: 'draft',
    policy,
    prompt: `Write an announcement of two sentences about ${topic}.`,
  });
  const signOff = await approval({ step: 'sign-off', show: draft.text, patience, approvers });
  return signOff.approved
    ? { published: draft.text, by: signOff.by }
    : { heldBack: signOff.expired ? 'Nobody signed it off in time' : (signOff.comment ?? 'It was rejected') };
}
