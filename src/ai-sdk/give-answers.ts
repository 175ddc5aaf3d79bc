import type { UIMessage } from 'ai';
import { type AskGateway, GatewayError } from './gateway-request.ts';

/** What a user, or the page, said to something a run waits for. */
export type GivenAnswer =
  | { id: string; kind: 'approval'; decision: { approved: boolean; comment?: string } }
  | { id: string; kind: 'result'; result: { result: unknown } | { error: string } };

/** The answers a message holds to what its run waits for. @param awaits ids of approvals and tool calls */
export function answersIn(message: UIMessage, awaits: string[]): GivenAnswer[] {
  const wanted = new Set(awaits);
  return message.parts.flatMap((part): GivenAnswer[] => {
    if (!('toolCallId' in part)) return [];
    const { toolCallId, state } = part;
    if (state === 'approval-responded' && wanted.has(part.approval.id)) {
      const { id, approved, reason } = part.approval;
      return [{ id, kind: 'approval', decision: { approved, ...(reason && { comment: reason }) } }];
    }
    if (!wanted.has(toolCallId)) return [];
    if (state === 'output-error')
      return [{ id: toolCallId, kind: 'result', result: { error: part.errorText || 'It failed' } }];
    return state === 'output-available'
      ? [{ id: toolCallId, kind: 'result', result: { result: part.output ?? null } }]
      : [];
  });
}

/** Tells the run; what somebody else answered meanwhile stays as they said. */
export async function giveAnswers(ask: AskGateway, run: string, answers: GivenAnswer[]): Promise<void> {
  const path = `/v1/runs/${encodeURIComponent(run)}`;
  const given = answers.map((answer) =>
    answer.kind === 'approval'
      ? ask(`${path}/approvals/${encodeURIComponent(answer.id)}`, { json: answer.decision })
      : ask(`${path}/tool-results/${encodeURIComponent(answer.id)}`, { json: answer.result }),
  );
  for (const { status, reason } of (await Promise.allSettled(given)) as (PromiseSettledResult<Response> & {
    reason?: unknown;
  })[]) {
    if (status === 'rejected' && !isAnswered(reason)) throw reason;
  }
}

function isAnswered(thrown: unknown): boolean {
  return thrown instanceof GatewayError && (thrown.status === 409 || thrown.path === 'toolCall');
}
