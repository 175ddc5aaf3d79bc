import { useMemo, useRef } from 'preact/hooks';
import { announce } from '../shell/announcer.tsx';
import { type Blocks, NO_BLOCKS, withMore } from './blocks.ts';
import { renderMarkdown } from './render.ts';

/** Text of a person or model, as Markdown. While it grows only its last block is parsed anew. */
export function Markdown({ text, isGrowing = false }: { text: string; isGrowing?: boolean }) {
  const blocks = useRef<Blocks>(NO_BLOCKS);
  blocks.current = withMore(blocks.current, text);
  const { settled, rest } = blocks.current;
  // References and footnotes are known of in all of a text, and so in one piece.
  const asOne = !isGrowing && /^ {0,3}\[[^\]]+\]:/m.test(text);
  return (
    // biome-ignore lint/a11y: the buttons within are the browser's own, and bring their own keys
    <div class={isGrowing ? 'markdown growing' : 'markdown'} onClick={copyCode}>
      {asOne ? (
        <Block source={text} />
      ) : (
        [...settled, rest].map((source, index) => <Block key={index} source={source} />)
      )}
    </div>
  );
}

function Block({ source }: { source: string }) {
  const html = useMemo(() => renderMarkdown(source), [source]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made by renderMarkdown, which lets no HTML through
  return <div dangerouslySetInnerHTML={{ __html: html }} />;
}

function copyCode({ target }: MouseEvent): void {
  const button = (target as Element).closest<HTMLButtonElement>('[data-copy]');
  const code = button?.closest('.code-block')?.querySelector('code')?.textContent;
  if (!button || code === undefined || code === null) return;
  navigator.clipboard.writeText(code).then(() => {
    button.textContent = 'Copied';
    announce('Code copied');
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1_500);
  });
}
