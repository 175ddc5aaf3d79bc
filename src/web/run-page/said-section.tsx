import type { RunInput } from '../../contract/index.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { usd } from '../parts/figures.ts';
import { usePolled } from '../parts/polled.ts';
import type { RunView } from '../run/run-view.ts';
import { askedOf, type NamedText, textsOf } from './answers.ts';
import { Json } from './step-detail.tsx';
import { shortModel } from './waterfall-rows.ts';

/** Input that is shown open where no text is in it, characters. */
const SHORT = 400;
/** Others' answers that are shown open. */
const OPEN = 4;

/** What the run was asked, and what came of it; while it goes on, the words as they come. */
export function SaidSection({ id, status, view }: { id: string; status: string; view: RunView }) {
  const path = `/v1/runs/${encodeURIComponent(id)}`;
  const asked = usePolled<RunInput>(`${path}/input`).value.value;
  const result = usePolled<unknown>(status === 'completed' ? `${path}/result` : undefined).value.value;
  const { main, others } = textsOf(result);
  const speaking = status === 'running' ? [...view.calls.values()].filter(({ state }) => state === 'speaking') : [];
  if (!asked && speaking.length === 0 && result === undefined) return undefined;
  return (
    <section class="said-section" aria-labelledby="said">
      <h2 id="said">What was said</h2>
      {asked && <Asked input={asked.input} />}
      {speaking.length > 0 && (
        <div class="side-by-side" aria-busy="true">
          {speaking.slice(-OPEN).map(({ id: call, model, step, text }) => (
            <article key={call} class="panel said-panel">
              <h3>
                {step} <span class="quiet">{shortModel(model)}</span> <span class="tag live">speaking</span>
              </h3>
              <Markdown text={text} isGrowing />
            </article>
          ))}
        </div>
      )}
      {main && <Text text={main} />}
      {others.length > 0 && (
        <div class={others.length > 1 && others.length <= OPEN ? 'side-by-side' : 'stack-wide'}>
          {others.map((text) => (
            <details key={`${text.title} ${text.text}`} class="panel said-panel" open={!main && others.length <= OPEN}>
              <summary>
                <TextTitle text={text} />
              </summary>
              <Markdown text={text.text} />
            </details>
          ))}
        </div>
      )}
      {result !== undefined && <Json title="The whole result" value={result} isOpen={!main && others.length === 0} />}
    </section>
  );
}

function Asked({ input }: { input: unknown }) {
  const texts = askedOf(input);
  return (
    <div class="asked">
      {texts.map(({ title, text }) => (
        <div key={`${title} ${text}`} class="asked-text">
          <h3 class="quiet small">{title}</h3>
          <Markdown text={text} />
        </div>
      ))}
      <Json title="The whole input" value={input} isOpen={texts.length === 0 && JSON.stringify(input).length < SHORT} />
    </div>
  );
}

function Text({ text }: { text: NamedText }) {
  return (
    <article class="panel said-panel">
      <h3>
        <TextTitle text={text} />
      </h3>
      <Markdown text={text.text} />
    </article>
  );
}

function TextTitle({ text: { title, model, costUsd } }: { text: NamedText }) {
  return (
    <>
      {title}
      {model !== undefined && model !== title && <span class="quiet"> {shortModel(model)}</span>}
      {costUsd !== undefined && <span class="quiet figures"> {usd(costUsd)}</span>}
    </>
  );
}
