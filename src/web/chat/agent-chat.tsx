import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useLiveRun } from '../run/live-run.ts';
import { askedOf, askOn, runsOfChat, steer, stop } from './chats.ts';
import { ChatComposer } from './composer.tsx';
import { TurnView } from './turn-view.tsx';
import { turnOfAgent } from './turns.ts';

/** Work of an agent, run by run: each is the answer to what was asked last. */
export function AgentChat({ id }: { id: string }) {
  const runs = useSignal<string[]>([id]);
  const problem = useSignal<Problem | undefined>(undefined);
  const grown = useSignal(0);
  const isOpen = useSignal(true);
  const list = useFollowedEnd<HTMLElement>(grown.value);
  useEffect(() => {
    runsOfChat(id).then(
      (found) => {
        runs.value = found;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  }, [id]);
  const last = runs.value.at(-1)!;
  const send = async (text: string) => {
    if (isOpen.value) return steer(last, text);
    const next = await askOn(runs.value, text);
    isOpen.value = true;
    runs.value = [...runs.value, next];
  };
  return (
    <>
      <section class="turns" ref={list} tabIndex={0} aria-label="What was said">
        {problem.value && <ProblemNote problem={problem.value} />}
        {runs.value.map((run) => (
          <AgentTurn
            key={run}
            run={run}
            onChange={(seq, open) => {
              grown.value += seq > 0 ? 1 : 0;
              if (run === last) isOpen.value = open;
            }}
          />
        ))}
      </section>
      <ChatComposer
        placeholder={isOpen.value ? 'Tell it something while it works' : 'Reply'}
        onSend={send}
        onStop={isOpen.value ? () => void stop(last).catch(() => {}) : undefined}
      />
    </>
  );
}

function AgentTurn({ run, onChange }: { run: string; onChange(seq: number, isOpen: boolean): void }) {
  const { view, problem } = useLiveRun(run);
  const asked = useSignal('');
  const turn = turnOfAgent(view.value);
  useEffect(() => {
    askedOf(run).then(
      (text) => {
        asked.value = text;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  }, [run]);
  useEffect(() => onChange(view.value.seq, turn.state === 'running'), [view.value.seq]);
  return (
    <>
      <TurnView run={run} turn={{ ...turn, text: asked.value }} />
      {problem.value && <ProblemNote problem={problem.value} />}
    </>
  );
}
