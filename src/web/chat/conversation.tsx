import { useComputed, useSignal } from '@preact/signals';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useLiveRun } from '../run/live-run.ts';
import { messageId, say, stop } from './chats.ts';
import { ChatComposer } from './composer.tsx';
import { TurnView } from './turn-view.tsx';
import { turnsOfConversation } from './turns.ts';

/** A talk with a model. */
export function Conversation({ id }: { id: string }) {
  const { view, stream, problem } = useLiveRun(id);
  const waiting = useSignal<{ id: string; text: string }[]>([]);
  const turns = useComputed(() => turnsOfConversation(view.value));
  const unheard = waiting.value.filter((message) => !turns.value.some((turn) => turn.id === message.id));
  const open = turns.value.findLast(({ state }) => state === 'running');
  const list = useFollowedEnd<HTMLElement>(view.value.seq + unheard.length);
  const send = async (text: string) => {
    const message = { id: messageId(), text };
    waiting.value = [...waiting.value, message];
    try {
      await say(id, text, message.id);
    } catch (error) {
      waiting.value = waiting.value.filter((one) => one !== message);
      throw error;
    }
  };
  const isOver = ['completed', 'failed', 'cancelled'].includes(view.value.state);
  return (
    <>
      <section class="turns" ref={list} tabIndex={0} aria-label="What was said">
        {problem.value && <ProblemNote problem={problem.value} />}
        {turns.value.map((turn) => (
          <TurnView key={turn.step} run={id} turn={turn} />
        ))}
        {unheard.map((message) => (
          <TurnView key={message.id} run={id} turn={{ ...message, pieces: [], state: 'running' }} />
        ))}
      </section>
      {stream.value === 'away' && (
        <p class="away small">The server does not answer. The page goes on as soon as it does.</p>
      )}
      {isOver ? (
        <p class="away small">This conversation is {view.value.state}.</p>
      ) : (
        <ChatComposer
          placeholder="Reply"
          onSend={send}
          onStop={open ? () => void stop(id, open.step).catch(() => {}) : undefined}
        />
      )}
    </>
  );
}
