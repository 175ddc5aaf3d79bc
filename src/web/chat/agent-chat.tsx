import { effect, type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Problem, problemOfError } from '../api/request.ts';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useLiveRun } from '../run/live-run.ts';
import { askedOf, askOn, runsOfChat, steer, stop } from './chats.ts';
import { ChatComposer } from './composer.tsx';
import { TurnView } from './turn-view.tsx';
import { type Turn, turnOfAgent } from './turns.ts';

/** Work of an agent, run by run: each is the answer to what was asked last. */
export function AgentChat({ id }: { id: string }) {
  const runs = useSignal<string[]>([id]);
  const problem = useSignal<Problem | undefined>(undefined);
  const grown = useSignal(0);
  const isOpen = useSignal(true);
  /** it has said its last word, and only its run must end */
  const isEnding = useSignal(false);
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
    if (isOpen.value && !isEnding.value) return steer(last, text);
    await untilFalse(isOpen);
    const next = await askOn(runs.value, text);
    isOpen.value = true;
    isEnding.value = false;
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
            onChange={(turn) => {
              grown.value += 1;
              if (run !== last) return;
              isOpen.value = turn.state === 'running';
              isEnding.value = hasSaidAll(turn);
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

function AgentTurn({ run, onChange }: { run: string; onChange(turn: Turn): void }) {
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
  useEffect(() => onChange(turn), [view.value.seq]);
  return (
    <>
      <TurnView run={run} turn={{ ...turn, text: asked.value }} />
      {problem.value && <ProblemNote problem={problem.value} />}
    </>
  );
}

/** Its last call has ended, and asked for no tool. */
function hasSaidAll({ pieces }: Turn): boolean {
  const last = pieces.at(-1);
  return last?.kind === 'call' && last.call.state === 'done' && last.call.finishReason !== 'toolCalls';
}

async function untilFalse(flag: Signal<boolean>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const stop = effect(() => {
    if (!flag.value) resolve();
  });
  await promise;
  stop();
}
