import { Context } from '@temporalio/activity';
import type { CadenzaActivities, ModelCall, ModelReply } from '../contract/index.ts';
import { HedgeLost } from './attempt-call.ts';
import { awaitStore } from './await-store.ts';
import { callKey, hashOfRequest } from './call-key.ts';
import { createCallOnce } from './call-model.ts';
import { earlierAnswer } from './earlier-answer.ts';
import type { Rooms } from './rooms.ts';

/** One of the two calls. */
interface Lane {
  call: ModelCall;
  reply: Promise<ModelReply>;
  /** kept with the first token, broken if the call fails before */
  spoke: Promise<unknown>;
  abandon(winner: Lane): void;
}

/**
 * Makes one request to one model, and to a second one too if the first token is late.
 *
 *   call 1 --first token in time--> reply
 *      |
 *      +--afterMs--> call 2 --> whoever gives the first token is heard out; the other is aborted, and billed as far as it went
 *
 * One activity, so that lateness is known at once, and the loser's request ends within a moment.
 * @throws as `callModel`: the first call's error where both failed
 */
export function createCallHedged(rooms: Rooms): CadenzaActivities['callHedged'] {
  const callOnce = createCallOnce(rooms);
  const { journal, events } = rooms.store;

  return async (first, second, afterMs, request) => {
    const { cancellationSignal } = Context.current();
    let isHedged = false;
    if (await awaitStore(cancellationSignal, () => isAnswered(second))) return start(second).reply;
    const one = start(first);
    if (!(await isLate(one, afterMs))) return one.reply;

    // Another attempt of either is the workflow's to make, once both have failed.
    isHedged = true;
    const { run, step } = first;
    await events.append(run, [{ type: 'call.hedged', step, from: first.model, to: second.model, afterMs }]);
    const two = start(second);
    const winner = await Promise.any([one, two].map((lane) => lane.spoke.then(() => lane))).catch(() => one);
    const loser = winner === one ? two : one;
    loser.abandon(winner);
    await Promise.allSettled([winner.reply, loser.reply]);
    return winner.reply;

    /** By this run, which was reset or whose worker was lost, or by the one it is a fork of. */
    async function isAnswered(call: ModelCall): Promise<boolean> {
      const hash = hashOfRequest(request);
      const ended = await journal.ended(callKey(call, hash));
      if (ended && 'reply' in ended) return true;
      const earlier = await earlierAnswer(rooms.store, call, hash);
      return earlier !== undefined && 'reply' in earlier;
    }

    function start(call: ModelCall): Lane {
      const stop = new AbortController();
      const signal = AbortSignal.any([cancellationSignal, stop.signal]);
      const token = Promise.withResolvers<void>();
      const reply = callOnce(call, request, {
        signal,
        onFirstToken: token.resolve,
        isHedged: () => isHedged,
      });
      const spoke = Promise.race([token.promise, reply]);
      for (const promise of [reply, spoke]) promise.catch(() => {});
      return { call, reply, spoke, abandon: (by) => stop.abort(new HedgeLost(by.call.model)) };
    }
  };
}

/** False if the call spoke, or failed, before the time was over. */
async function isLate({ spoke }: Lane, afterMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, afterMs, true);
  });
  const intime = spoke.then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([intime, late]);
  } finally {
    clearTimeout(timer);
  }
}
