import {
  type CallError,
  type GuardrailCheck,
  type ModelReply,
  type ModelRequest,
  nameOfCheck,
  type Outcome,
  type Policy,
} from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { record } from '../run.ts';
import { redacted, redactedReply, saidIn, textsOf, withTexts } from './redactions.ts';
import { type AskJudge, type Checked, redactionsOf, runChecks } from './run-checks.ts';

type Rejected = Extract<Outcome, { rejected: unknown }>;

/** A policy's guardrails around the calls of one step. */
export interface Guard {
  /** no check keeps something from one candidate and not from another */
  isSameForAll: boolean;
  /** What a candidate is asked, or why it is not asked. @throws `Refused` where no candidate may be asked */
  requestFor(model: string): { request: ModelRequest } | Rejected;
  /** The answer as it may be used, or why not. @throws `Refused` where no answer will do */
  accept(reply: ModelReply): Promise<{ reply: ModelReply } | Rejected>;
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
      if (next) return { rejected: refusalOf(next, `keeps the request from ${model}`, model) };
      const places = redactionsOf(mine, model);
      if (places.length === 0) return { request };
      return { request: { ...request, messages: withTexts(request.messages, redacted(texts, places)) } };
    },

    /** Tools are not an answer yet: what they are called with is theirs to check. */
    async accept(reply) {
      if (after.length === 0) return { reply };
      const { model, cachedAs } = reply;
      const checks = reply.toolCalls?.length ? [] : after.filter((check) => isAbout(check, model));
      nth += 1;
      const said = saidIn(reply);
      const isUsable = (all: Checked[]) =>
        all.every(({ action }) => action === undefined || action === 'redact') &&
        redactedReply(reply, redactionsOf(all, model)) !== undefined;
      // What may not be used is given to no equal request, which would be refused, or repaired, for ever.
      const evicted = (all: Checked[]) =>
        cachedAs === undefined || isUsable(all) ? undefined : { model, requestHash: cachedAs };
      const asked = { step, stage: 'after' as const, nth, checks, texts: [said], model, askJudge, evicted };
      const found = checks.length === 0 ? [] : await runChecks(asked);
      refuseAny(found);
      const fired = found.find(({ action }) => action === 'next') ?? found.find(({ action }) => action === 'repair');
      if (fired) {
        const rejected = refusalOf(fired, `does not accept the answer of ${model}`, model);
        if (fired.action === 'next') return { rejected, cachedAs };
        return { rejected, correction: { said: reply.text, problem: `${fired.reason}.` }, cachedAs };
      }
      const places = redactionsOf(found, model);
      const clean = places.length === 0 ? reply : redactedReply(reply, places);
      if (!clean) {
        const rest = found.filter(({ action }) => action === 'redact');
        throw failure({ ...refusalOf(rest[0]!, 'cannot redact the object'), step });
      }
      await record([{ type: 'step.completed', key: `step.completed:${step}`, step }]);
      return { reply: clean };
    },
  };

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
