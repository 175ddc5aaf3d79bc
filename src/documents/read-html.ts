import { Readability } from '@mozilla/readability';
import { parseHTML } from 'linkedom';
import TurndownService from 'turndown';
import type { ReadDocument } from './document.ts';
import { readMarkdown } from './read-markdown.ts';

/** What is on a page, but no part of what it says. */
const AROUND = 'script, style, noscript, template, svg, nav, footer, iframe, form, button';
/** Readability looks for an article; where it leaves out more of the page than this, it found none. */
const LEAST_SHARE = 0.4;

/** A web page as Markdown: its article where it has one (Readability), else all of its body. */
export function readHtml(html: string): ReadDocument {
  const { document } = parseHTML(withAllTags(html));
  const title = document.title?.trim() || undefined;
  for (const element of document.querySelectorAll(AROUND)) element.remove();
  const all = markdownOf(document.body.innerHTML);
  const article = new Readability(document).parse();
  const main = article?.content ? markdownOf(article.content) : '';
  const markdown = main.length >= all.length * LEAST_SHARE ? main : all;
  // An article comes without its own heading.
  const read = readMarkdown(title && !markdown.startsWith('# ') ? `# ${title}\n\n${markdown}` : markdown);
  return { ...read, ...(title === undefined ? {} : { title }) };
}

/** HTML lets `html`, `head` and `body` be left out; the parser needs them. */
function withAllTags(html: string): string {
  const title = /<title[^>]*>([\s\S]*?)<\/title>/i.exec(html)?.[1] ?? '';
  const content = html
    .replace(/<head[\s>][\s\S]*?<\/head>/i, '')
    .replace(/<title[^>]*>[\s\S]*?<\/title>/i, '')
    .replaceAll(/<!doctype[^>]*>|<\/?(html|head|body)(\s[^>]*)?>/gi, '');
  return `<!doctype html><html><head><title>${title}</title></head><body>${content}</body></html>`;
}

interface ParsedElement {
  getAttribute(name: string): string | null;
}

/** HTML as Markdown, of links and pictures their words alone. */
export function markdownOf(html: string): string {
  const turndown = new TurndownService({ headingStyle: 'atx', codeBlockStyle: 'fenced', bulletListMarker: '-' });
  turndown.addRule('links', { filter: 'a', replacement: (content) => content });
  turndown.addRule('pictures', {
    filter: 'img',
    replacement: (_, node) => (node as unknown as ParsedElement).getAttribute('alt') ?? '',
  });
  turndown.addRule('rows', { filter: 'tr', replacement: (content) => `\n|${content.replaceAll(/\s*\n\s*/g, ' ')}` });
  turndown.addRule('cells', { filter: ['td', 'th'], replacement: (content) => ` ${content.trim()} |` });
  const { document } = parseHTML(`<!doctype html><html><body>${html}</body></html>`);
  return turndown.turndown(document.body as never);
}
