import { useEffect } from 'preact/hooks';
import { Markdown } from '../markdown/markdown.tsx';
import { ModelName } from '../parts/model-name.tsx';
import { ErrorNote } from '../parts/problem-note.tsx';
import { CallFacts } from '../run/call-facts.tsx';
import type { CallView } from '../run/run-view.ts';
import { announce } from '../shell/announcer.tsx';
import { ApprovalInPlace } from './approval-in-place.tsx';
import { ToolUse } from './tool-use.tsx';
import type { Turn } from './turns.ts';

/** A message, and all that came of it. */
export function TurnView({ run, turn }: { run: string; turn: Turn }) {
  const { text, pieces, state, error } = turn;
  const isOpen = state === 'running';
  const isSilent =
    isOpen && !pieces.some((piece) => piece.kind !== 'call' || piece.call.text + piece.call.reasoning !== '');
  useEffect(() => {
    if (state === 'done') announce('Answered');
    if (state === 'failed') announce('The answer failed');
  }, [state]);
  return (
    <article class="turn" aria-busy={isOpen}>
      {text !== undefined && <Message text={text} />}
      {pieces.map((piece) => {
        if (piece.kind === 'tool') return <ToolUse key={piece.tool.id} tool={piece.tool} isOpen={isOpen} />;
        if (piece.kind === 'approval')
          return <ApprovalInPlace key={piece.approval.id} run={run} approval={piece.approval} isOpen={isOpen} />;
        if (piece.kind === 'message') return <Message key={piece.message.seq} text={piece.message.text} />;
        return <Words key={piece.call.id} call={piece.call} isOpen={isOpen} />;
      })}
      {isSilent && (
        <p class="waiting" aria-hidden="true">
          <i />
          <i />
          <i />
        </p>
      )}
      {state === 'cancelled' && <p class="note small">Stopped here. What was said is not remembered.</p>}
      {state === 'failed' && error && <ErrorNote error={error} />}
    </article>
  );
}

function Message({ text }: { text: string }) {
  return (
    <div class="said">
      <Markdown text={text} />
    </div>
  );
}

function Words({ call, isOpen }: { call: CallView; isOpen: boolean }) {
  const { text, reasoning, model, state } = call;
  const isSpeaking = isOpen && (state === 'speaking' || state === 'waiting');
  if (text === '' && reasoning === '') return null;
  return (
    <div class="words">
      {reasoning !== '' && (
        <details class="reasoning">
          <summary>Thinking</summary>
          <p>{reasoning}</p>
        </details>
      )}
      <Markdown text={text} isGrowing={isSpeaking} />
      <div class="words-foot">
        <ModelName id={model} />
        <CallFacts call={call} isOpen={isSpeaking} />
      </div>
    </div>
  );
}
