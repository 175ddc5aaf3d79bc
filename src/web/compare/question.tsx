import { useSignal } from '@preact/signals';
import type { CompareInput } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { copied } from '../parts/clipboard.ts';
import { Icon } from '../parts/icon.tsx';
import { askedOf } from '../run-page/answers.ts';
import { pictureAddress, questionOf } from './comparisons.ts';

/** What was asked, and what can be done with the question. */
export function Question({ input, onAskAgain }: { input: CompareInput | undefined; onAskAgain(): void }) {
  const shared = useSignal<'copied' | 'refused' | undefined>(undefined);
  const share = async () => {
    shared.value = (await copied(location.href, 'Link')) ? 'copied' : 'refused';
    setTimeout(() => {
      shared.value = undefined;
    }, 1_500);
  };
  const { prompt, pictures, kept } = input ? questionOf(input) : { prompt: '', pictures: [], kept: undefined };
  const context = askedOf({ system: kept?.system, messages: kept?.before });
  return (
    <header class="question">
      <h1 class="unseen">{prompt.slice(0, 80) || 'Comparison'}</h1>
      <section class="question-text" tabIndex={0} aria-label="Question">
        {context.length > 0 && (
          <details class="small">
            <summary>Said before it</summary>
            {context.map(({ title, text }, index) => (
              <div key={index}>
                <h2 class="quiet small">{title}</h2>
                <Markdown text={text} />
              </div>
            ))}
          </details>
        )}
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
          <Icon name={shared.value === 'copied' ? 'check' : 'link'} />{' '}
          {shared.value === undefined ? 'Link' : shared.value === 'copied' ? 'Copied' : 'Not copied'}
        </button>
      </div>
    </header>
  );
}
