import { Icon } from '../parts/icon.tsx';
import type { ToolView } from '../run/run-view.ts';

const STATES: Record<ToolView['state'], { says: string; tag: string }> = {
  asked: { says: 'is asked for', tag: 'live' },
  running: { says: 'at work', tag: 'live' },
  done: { says: 'done', tag: 'good' },
  failed: { says: 'failed', tag: 'wrong' },
  interrupted: { says: 'interrupted: nobody knows what became of it', tag: 'warn' },
};

const LEFT = { says: 'was left when it ended', tag: 'warn' };

/** One use of a tool in one line, which opens to what it was given and what it gave. @param isOpen what uses it goes on */
export function ToolUse({ tool: use, isOpen }: { tool: ToolView; isOpen: boolean }) {
  const { tool, state, argumentsText, result, error } = use;
  const given = use.arguments ? JSON.stringify(use.arguments, null, 2) : argumentsText;
  const { says, tag } = isOpen || (state !== 'asked' && state !== 'running') ? STATES[state] : LEFT;
  return (
    <details class="tool-use">
      <summary>
        <Icon name="tool" />
        <code>{tool}</code>
        <span class="tool-brief quiet">{brief(use)}</span>
        <span class={`tag ${tag}`}>{says}</span>
      </summary>
      <dl>
        <dt>Given</dt>
        <dd>
          <pre tabIndex={0}>{given}</pre>
        </dd>
        {(result !== undefined || error) && <dt>{error ? 'Failed' : 'Gave'}</dt>}
        {result !== undefined && (
          <dd>
            <pre tabIndex={0}>{result}</pre>
          </dd>
        )}
        {error && <dd class="wrong">{error.message}</dd>}
      </dl>
    </details>
  );
}

/** Its arguments in a few words. */
function brief({ arguments: args, argumentsText }: ToolView): string {
  const values = args
    ? Object.values(args).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    : [argumentsText];
  return values.join(', ').replace(/\s+/g, ' ').slice(0, 160);
}
