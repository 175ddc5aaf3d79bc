/** Runs in a process of its own: a page may be as large and as nested as its author likes. */
import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import Turndown from 'turndown';
import { answerJobsAsProcess } from '../aside/answer-jobs.ts';

export interface Page {
  bytes: Uint8Array;
  contentType: string;
  url: string;
}

type Dom = ReturnType<typeof parseHTML>['document'];
type Body = Dom['body'];

export interface PageText {
  title?: string;
  /** Markdown, or the text as it is */
  text: string;
}

const LONGEST_MS = 30_000;
/** Bytes in which a page must name its encoding: https://html.spec.whatwg.org/#determining-the-character-encoding */
const NAMED_WITHIN = 1_024;
/** Elements from which on the search for a page's main part takes seconds: such a page is given as mere text. */
const MOST_ELEMENTS = 30_000;
const LEFT_OUT = ['script', 'style', 'noscript', 'template', 'iframe', 'form', 'nav', 'header', 'footer', 'aside'];
const HIDDEN =
  '[hidden], [aria-hidden="true"], [style*="display:none"], [style*="display: none"], [style*="visibility:hidden"]';

const markdown = new Turndown({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
// Pictures cannot be seen here; what stands for them can.
markdown.addRule('pictures', {
  filter: 'img',
  replacement: (_, node) => (node as unknown as Body).getAttribute('alt') ?? '',
});

answerJobsAsProcess(({ bytes, contentType, url }: Page): PageText => {
  const text = decoded(bytes, contentType);
  return /html/i.test(contentType) ? readable(text, url) : { text };
}, LONGEST_MS);

function readable(html: string, url: string): PageText {
  const { document } = parseHTML(/<html[\s>]/i.test(html) ? html : `<html><body>${html}</body></html>`);
  if (document.getElementsByTagName('*').length > MOST_ELEMENTS) return plain(document);
  for (const element of document.querySelectorAll(HIDDEN)) element.remove();
  for (const link of document.querySelectorAll('a[href]')) {
    const href = link.getAttribute('href')!;
    link.setAttribute('href', URL.parse(href, url)?.href ?? href);
  }
  const whole = document.body?.cloneNode(true) as Body | undefined;
  const title = document.title.trim();
  const article = new Readability(document).parse();
  const found = article?.title?.trim() || title;
  const text = article?.content ? markdown.turndown(bodyOf(article.content)) : wholeText(whole);
  return { ...(found && { title: found }), text };
}

function plain(document: Dom): PageText {
  const title = document.title.trim();
  const text = (document.body?.textContent ?? '')
    .replace(/[ \t]+/g, ' ')
    .replace(/\s*\n\s*/g, '\n')
    .trim();
  return { ...(title && { title }), text };
}

/** Pages that are no articles: lists, tables, front pages. */
function wholeText(body: Body | undefined): string {
  if (!body) return '';
  for (const element of body.querySelectorAll(LEFT_OUT.join(', '))) element.remove();
  return markdown.turndown(body as unknown as Turndown.Node);
}

function bodyOf(html: string): Turndown.Node {
  return parseHTML(`<html><body>${html}</body></html>`).document.body as unknown as Turndown.Node;
}

function decoded(bytes: Uint8Array, contentType: string): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, NAMED_WITHIN));
  const named = /charset=["']?([\w-]+)/i;
  const label = named.exec(contentType)?.[1] ?? named.exec(start)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(label).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
