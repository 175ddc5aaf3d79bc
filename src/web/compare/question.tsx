import { useSignal } from '@preact/signals';
import type { CompareInput } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { Icon } from '../parts/icon.tsx';
import { announce } from '../shell/announcer.tsx';
import { pictureAddress, questionOf } from './comparisons.ts';

/** What was asked, and what can be done with the question. */
export function Question({ input, onAskAgain }: { input: CompareInput | undefined; onAskAgain(): void }) {
  const isCopied = useSignal(false);
  const share = async () => {
    await navigator.clipboard.writeText(location.href);
    isCopied.value = true;
    announce('Link copied');
    setTimeout(() => {
      isCopied.value = false;
    }, 1_500);
  };
  const { prompt, pictures } = input ? questionOf(input) : { prompt: '', pictures: [] };
  return (
    <header class="question">
      <h1 class="unseen">{prompt.slice(0, 80) || 'Comparison'}</h1>
      <section class="question-text" tabIndex={0} aria-label="Question">
        <Markdown text={prompt} />
        {pictures.length > 0 && (
          <ul class="thumbs">
            {pictures.map((picture, index) => (
              <li key={index}>
                <img src={pictureAddress(picture)} alt={`${index + 1} of ${pictures.length}`} />
              </li>
            ))}
          </ul>
        )}
      </section>
      <div class="question-acts">
        <button type="button" class="button small" onClick={onAskAgain} disabled={!input}>
          <Icon name="retry" /> Ask again
        </button>
        <button type="button" class="button small" onClick={() => void share()}>
          <Icon name={isCopied.value ? 'check' : 'link'} /> {isCopied.value ? 'Copied' : 'Link'}
        </button>
      </div>
    </header>
  );
}
