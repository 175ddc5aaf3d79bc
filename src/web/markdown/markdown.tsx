import { useId, useMemo, useRef } from 'preact/hooks';
import { copied } from '../parts/clipboard.ts';
import { type Blocks, NO_BLOCKS, withMore } from './blocks.ts';
import { renderMarkdown } from './render.ts';

/** Text of a person or model, as Markdown. While it grows only its last block is parsed anew. */
export function Markdown({ text, isGrowing = false }: { text: string; isGrowing?: boolean }) {
  const blocks = useRef<Blocks>(NO_BLOCKS);
  const scope = `${useId()}-`;
  blocks.current = withMore(blocks.current, text);
  const { settled, rest } = blocks.current;
  // References and footnotes are known of in all of a text, and so in one piece.
  const asOne = !isGrowing && /^ {0,3}\[[^\]]+\]:/m.test(text);
  return (
    // biome-ignore lint/a11y: the buttons within are the browser's own, and bring their own keys
    <div class={isGrowing ? 'markdown growing' : 'markdown'} onClick={copyCode}>
      {asOne ? (
        <Block source={text} scope={scope} />
      ) : (
        [...settled, rest].map((source, index) => <Block key={index} source={source} scope={scope} />)
      )}
    </div>
  );
}

function Block({ source, scope }: { source: string; scope: string }) {
  const html = useMemo(() => renderMarkdown(source, scope), [source, scope]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: made by renderMarkdown, which lets no HTML through
  return <div dangerouslySetInnerHTML={{ __html: html }} />;
}

function copyCode({ target }: MouseEvent): void {
  const button = (target as Element).closest<HTMLButtonElement>('[data-copy]');
  const code = button?.closest('.code-block')?.querySelector('code')?.textContent;
  if (!button || code === undefined || code === null) return;
  void copied(code, 'Code').then((isCopied) => {
    button.textContent = isCopied ? 'Copied' : 'Not copied';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, 1_500);
  });
}
