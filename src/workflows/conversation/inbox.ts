import {
  allHandlersFinished,
  condition,
  currentUpdateInfo,
  defineSignal,
  defineUpdate,
  setHandler,
} from '@temporalio/workflow';
import { type Answer, type CallError, invalidRequest, SendMessage, WAKE_CONVERSATION } from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { atRest, hasNewerBuild } from '../newer-build.ts';

/** Gives the conversation its next message, and waits for the answer. The update's id is the message's. */
export const send = defineUpdate<Answer, [SendMessage]>('send');
/** Ends the conversation once the messages it has are answered. */
export const end = defineSignal('end');
/** Nothing but something that happens: see `cadenza deploy drain`. */
const wake = defineSignal(WAKE_CONVERSATION);

/** A message, and what settles the Update that brought it. */
export interface Incoming {
  id: string;
  text: string;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Messages in the order they came: each is answered before the next is looked at. */
export interface Inbox {
  /** The next message; `over` once the conversation was ended, or no message came for `idleMs`; `outdated` where none waits
   *  and a newer build could go on. */
  next(idleMs: number | undefined): Promise<Incoming | 'over' | 'outdated'>;
  /** Waits until all that was answered is delivered. @returns false if a message came meanwhile */
  isQuiet(): Promise<boolean>;
  /** Somebody ended the conversation. */
  isEnded(): boolean;
  /** Takes no further messages: whoever sends one is told why, and nothing of it is kept. @param why it has ended, where left out */
  close(why?: CallError): void;
  /** Settles the messages that will not be answered any more. */
  abandon(error: CallError): Promise<void>;
}

/** Opens the inbox: from now on messages are taken. */
export function openInbox(): Inbox {
  const waiting: Incoming[] = [];
  let ended = false;
  let closed: CallError | undefined;

  setHandler(
    send,
    ({ text }) =>
      new Promise<Answer>((resolve, reject) => {
        waiting.push({ id: currentUpdateInfo()!.id, text, resolve, reject });
      }),
    {
      description: 'The next message of the conversation: {text}. Returns the answer',
      validator(message) {
        const parsed = SendMessage.safeParse(message);
        if (!parsed.success) throw failure(invalidRequest(parsed.error, ''));
        if (ended) throw failure(ENDED);
        if (closed) throw failure(closed);
      },
    },
  );
  setHandler(wake, () => {}, { description: 'Makes a conversation that nobody talks with go on on the newest build' });
  setHandler(
    end,
    () => {
      ended = true;
    },
    { description: 'Ends the conversation once its messages are answered' },
  );

  return {
    async next(idleMs) {
      const something = () => waiting.length > 0 || ended || hasNewerBuild();
      const isInTime = idleMs === undefined ? condition(something).then(() => true) : condition(something, idleMs);
      const isIdle = !(await atRest(send, isInTime));
      return waiting.shift() ?? (isIdle || ended ? 'over' : 'outdated');
    },
    async isQuiet() {
      await condition(() => waiting.length > 0 || allHandlersFinished());
      return waiting.length === 0;
    },
    isEnded: () => ended,
    close(why = ENDED) {
      closed = why;
    },
    async abandon(error) {
      closed = error;
      for (const message of waiting.splice(0)) message.reject(failure(error));
      await condition(allHandlersFinished);
    },
  };
}

const ENDED: CallError = {
  type: 'InvalidRequest',
  message: 'The conversation was ended, and takes no further message',
  hint: 'Start another conversation',
};
