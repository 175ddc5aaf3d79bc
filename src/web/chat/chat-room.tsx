import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { RunInfo } from '../../contract/index.ts';
import { type Problem, problemOfError } from '../api/request.ts';
import { Icon } from '../parts/icon.tsx';
import { ProblemNote } from '../parts/problem-note.tsx';
import { go } from '../shell/router.ts';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { AgentChat } from './agent-chat.tsx';
import { readRun } from './chats.ts';
import { Conversation } from './conversation.tsx';

/** One chat: a run of `conversation`, or runs of `agent` that go on from each other. */
export function ChatRoom({ id }: { id: string }) {
  const run = useSignal<RunInfo | undefined>(undefined);
  const problem = useSignal<Problem | undefined>(undefined);
  useEffect(() => {
    readRun(id).then(
      (found) => {
        run.value = found;
        document.title = `${titleOf(found)} · Cadenza`;
      },
      (error) => {
        problem.value = problemOfError(error);
      },
    );
  }, [id]);
  useShortcuts([{ keys: 'n', does: 'New chat', act: () => go('/chat') }]);
  return (
    <div class="chat">
      <header class="chat-head">
        <h1>{run.value ? titleOf(run.value) : '…'}</h1>
        <a class="button small" href="/chat">
          <Icon name="add" /> New chat
        </a>
      </header>
      {problem.value && <ProblemNote problem={problem.value} />}
      {run.value?.pattern === 'conversation' && <Conversation id={id} />}
      {run.value?.pattern === 'agent' && <AgentChat id={run.value.id} />}
      {run.value && !['conversation', 'agent'].includes(run.value.pattern) && (
        <p class="note">This run is of the pattern {run.value.pattern}, with which one does not talk.</p>
      )}
    </div>
  );
}

function titleOf({ metadata, id }: RunInfo): string {
  return typeof metadata?.title === 'string' && metadata.title !== '' ? metadata.title : id;
}
