import { effect, type Signal, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Problem, problemOfError, RequestError } from '../api/request.ts';
import { useFollowedEnd } from '../parts/followed-end.ts';
import { ProblemNote } from '../parts/problem-note.tsx';
import { useAgentRun } from './agent-run.ts';
import { askedOf, askOn, inOrder, messageId, runsOfChat, steer, stop } from './chats.ts';
import { ChatComposer } from './composer.tsx';
import { TurnView } from './turn-view.tsx';
import { saidIn, type Turn, turnOfAgent } from './turns.ts';

/** What was said here, until it is seen in a run. `run`: the one that was told it while it was at work */
interface Waiting {
  id: string;
  text: string;
  run?: string;
}

/** A run as far as it was read; `problem`: it cannot be read on. */
interface Read {
  turn: Turn;
  problem?: Problem;
}

/** Work of an agent, run by run: each is the answer to what was asked last. @param id of the first one, whole */
export function AgentChat({ id }: { id: string }) {
  const runs = useSignal<string[]>([id]);
  const read = useSignal<ReadonlyMap<string, Read>>(new Map());
  const waiting = useSignal<Waiting[]>([]);
  const problem = useSignal<Problem | undefined>(undefined);
  const grown = useSignal(0);
  const unheard = unheardOf(waiting.value, read.value);
  const list = useFollowedEnd<HTMLElement>(grown.value + unheard.length);
  const know = (found: string[]) => {
    runs.value = inOrder(id, [...runs.value, ...found]);
  };
  useEffect(() => {
    runsOfChat(id).then(know, (error) => {
      problem.value = problemOfError(error);
    });
  }, [id]);
  const last = runs.value.at(-1)!;
  const isOpen = isAtWork(read.value.get(last)?.turn);

  const change = (message: Waiting, next: Waiting[]) => {
    waiting.value = waiting.value.flatMap((one) => (one.id === message.id ? next : [one]));
  };
  /** Another tab may have gone on meanwhile, or do so now: it is asked after whatever is there by then. */
  const ask = async (message: Waiting) => {
    know(await runsOfChat(id));
    for (;;) {
      const newest = runs.value.at(-1)!;
      const { turn } = read.value.get(newest) ?? {};
      if (isAtWork(turn) && !hasSaidAll(turn) && (await steer(newest, message.text))) {
        return change(message, [{ ...message, run: newest }]);
      }
      const next = await askOn(id, newest, saidIn(await ended(read, newest)), message.text);
      know([next.id]);
      if (next.isNew) return change(message, []);
    }
  };
  const send = async (text: string) => {
    const message = { id: messageId(), text };
    waiting.value = [...waiting.value, message];
    try {
      await ask(message);
    } catch (error) {
      change(message, []);
      throw error;
    }
  };
  return (
    <>
      <section class="turns" ref={list} tabIndex={0} aria-label="What was said">
        {problem.value && <ProblemNote problem={problem.value} />}
        {runs.value.map((run) => (
          <AgentTurn
            key={run}
            run={run}
            onRead={(one) => {
              read.value = new Map(read.value).set(run, one);
              grown.value += 1;
            }}
          />
        ))}
        {unheard.map((message) => (
          <TurnView key={message.id} run={last} turn={{ ...message, pieces: [], state: isOpen ? 'running' : 'done' }} />
        ))}
      </section>
      <ChatComposer
        placeholder={isOpen ? 'Tell it something while it works' : 'Reply'}
        onSend={send}
        onStop={isOpen ? () => void stop(last).catch(() => {}) : undefined}
      />
    </>
  );
}

function AgentTurn({ run, onRead }: { run: string; onRead(read: Read): void }) {
  const { view, taken, problem } = useAgentRun(run);
  const asked = useSignal<{ text?: string; problem?: Problem }>({});
  const turn = turnOfAgent(view.value, taken.value);
  useEffect(() => {
    askedOf(run).then(
      (text) => {
        asked.value = { text };
      },
      (error) => {
        asked.value = { problem: problemOfError(error) };
      },
    );
  }, [run]);
  useEffect(() => onRead({ turn, problem: problem.value }), [view.value.seq, problem.value]);
  const wrong = problem.value ?? asked.value.problem;
  return (
    <>
      <TurnView run={run} turn={{ ...turn, text: asked.value.text ?? '' }} />
      {wrong && <ProblemNote problem={wrong} />}
    </>
  );
}

/** A run nothing was read of yet may be. */
function isAtWork(turn: Turn | undefined): boolean {
  return turn === undefined || turn.state === 'running';
}

/** Its last call has ended, and asked for no tool: only its run must end. */
function hasSaidAll(turn: Turn | undefined): boolean {
  const last = turn?.pieces.at(-1);
  return last?.kind === 'call' && last.call.state === 'done' && last.call.finishReason !== 'toolCalls';
}

/** Waits until the run has ended. @throws RequestError where that cannot be known */
async function ended(read: Signal<ReadonlyMap<string, Read>>, run: string): Promise<Turn> {
  const { promise, resolve, reject } = Promise.withResolvers<Turn>();
  const stopReading = effect(() => {
    const { turn, problem } = read.value.get(run) ?? {};
    if (turn && !isAtWork(turn)) resolve(turn);
    else if (problem) reject(new RequestError(problem));
  });
  try {
    return await promise;
  } finally {
    stopReading();
  }
}

/** What no run has been seen to be asked or told: of equal messages each is heard once. */
function unheardOf(waiting: Waiting[], read: ReadonlyMap<string, Read>): Waiting[] {
  const heard = new Map<string, string[]>();
  for (const [run, { turn }] of read) {
    const texts = turn.pieces.flatMap((piece) => (piece.kind === 'message' ? [piece.message.text] : []));
    heard.set(run, texts);
  }
  return waiting.filter(({ run, text }) => {
    const texts = run === undefined ? undefined : heard.get(run);
    const at = texts?.indexOf(text) ?? -1;
    if (at === -1) return true;
    texts!.splice(at, 1);
    return false;
  });
}
