import type { z } from 'zod';
import {
  type CallError,
  type GuardrailCheck,
  type ModelReply,
  type ModelRequest,
  nameOfCheck,
  type Policy,
} from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { record } from '../run.ts';
import type { CallOutcome } from './call-model.ts';
import { redacted, redactedReply, saidIn, textsOf, withTexts } from './redactions.ts';
import { type AskJudge, type Checked, redactionsOf, runChecks } from './run-checks.ts';
import { type Ask, correctionOf, usableReply } from './usable-reply.ts';

/** A policy's guardrails around the calls of one step. */
export interface Guard {
  /** no check keeps something from one candidate and not from another */
  isSameForAll: boolean;
  /** What a candidate is asked, or why it is not asked. @throws `Refused` where no candidate may be asked */
  requestFor(model: string): { request: ModelRequest } | { error: CallError };
  /** An answer that passes, from one candidate. `moveOn`: the next one is to be asked. */
  reply(ask: Ask, request: ModelRequest, output?: z.ZodType): Promise<CallOutcome & { moveOn?: true }>;
}

/**
 * Checks what is asked, and gives what checks the answers.
 *
 *   request --before--> call --usable?--> after --> answer
 *               |                           |
 *               +-- refuse, next, redact    +-- refuse, next, redact, repair --> call --> after --> answer | next
 *
 * @throws `Refused` before any request was made, or the error of a check that could not be made
 */
export async function guarded(
  step: string,
  { guardrails }: Policy,
  request: ModelRequest,
  askJudge: AskJudge,
): Promise<Guard> {
  const { before = [], after = [] } = guardrails ?? {};
  const texts = textsOf(request.messages);
  const findings =
    before.length === 0 ? [] : await runChecks({ step, stage: 'before', nth: 1, checks: before, texts, askJudge });
  let nth = 0;
  refuseAny(findings.filter(({ check }) => check.only === undefined));

  return {
    isSameForAll: findings.every(({ passed, check }) => passed || check.only === undefined),
    requestFor(model) {
      const mine = findings.filter(({ check }) => isAbout(check, model));
      refuseAny(mine);
      const next = mine.find(({ action }) => action === 'next');
      if (next) return { error: refusalOf(next, `keeps the request from ${model}`, model) };
      const places = redactionsOf(mine, model);
      if (places.length === 0) return { request };
      return { request: { ...request, messages: withTexts(request.messages, redacted(texts, places)) } };
    },

    async reply(ask, asked, output) {
      const first = await usableReply(ask, asked, output);
      if ('error' in first || after.length === 0) return first;
      const checked = await accepted(first.reply);
      if ('reply' in checked) return checked;
      if (checked.fired.action === 'next') return movedOn(checked.fired, first.reply);
      const correction = `That answer cannot be used: ${checked.fired.reason}.\nAnswer again without this fault, and say nothing else.`;
      const second = await usableReply(ask, correctionOf(asked, first.reply, correction), output);
      if ('error' in second) return second;
      const again = await accepted(second.reply);
      return 'reply' in again ? again : movedOn(again.fired, second.reply);
    },
  };

  /** Tools are not an answer yet: what they are called with is theirs to check. */
  async function accepted(reply: ModelReply): Promise<{ reply: ModelReply } | { fired: Checked }> {
    const { model } = reply;
    const checks = reply.toolCalls?.length ? [] : after.filter((check) => isAbout(check, model));
    nth += 1;
    const said = saidIn(reply);
    const found =
      checks.length === 0 ? [] : await runChecks({ step, stage: 'after', nth, checks, texts: [said], model, askJudge });
    refuseAny(found);
    const fired = found.find(({ action }) => action === 'next') ?? found.find(({ action }) => action === 'repair');
    if (fired) return { fired };
    const places = redactionsOf(found, model);
    const clean = places.length === 0 ? reply : redactedReply(reply, places);
    if (!clean) {
      const rest = found.filter(({ action }) => action === 'redact');
      throw failure({ ...refusalOf(rest[0]!, 'cannot redact the object'), step });
    }
    await record([{ type: 'step.completed', key: `step.completed:${step}`, step }]);
    return { reply: clean };
  }

  function refuseAny(found: Checked[]): void {
    const fired = found.find(({ action }) => action === 'refuse');
    if (fired) throw failure({ ...refusalOf(fired, 'refuses it'), step });
  }
}

function isAbout({ only }: GuardrailCheck, model: string): boolean {
  return only === undefined || only.includes(model);
}

function refusalOf({ check, reason }: Checked, does: string, model?: string): CallError {
  return { type: 'Refused', message: `The guardrail "${nameOfCheck(check)}" ${does}: ${reason}`, model };
}

function movedOn(fired: Checked, { model }: ModelReply): CallOutcome & { moveOn: true } {
  return { error: refusalOf(fired, `does not accept the answer of ${model}`, model), moveOn: true };
}
