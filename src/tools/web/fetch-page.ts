import { z } from 'zod';
import { poolOf } from '../aside/pool.ts';
import { defineTool, type Tool, ToolFailure } from '../tool.ts';
import type { Page, PageText } from './page-process.ts';
import { refusalOf } from './refusal.ts';

/** Characters of a page; results this long become files of the run anyhow. */
const LONGEST_TEXT = 200_000;

const OPTIONS = {
  as: 'process' as const,
  task: 'Reading the page',
  most: 2,
  timeoutMs: 30_000,
  memoryMb: 512,
};

/** Fetches a page and gives its readable text. */
export function fetchPage(): { tool: Tool; close(): Promise<void> } {
  const readers = poolOf<Page, PageText>(new URL('page-process', import.meta.url), OPTIONS);
  const tool = defineTool({
    name: 'fetch_page',
    description:
      'Fetches a page of the public web and gives its title and main text as Markdown, without menus and advertisements; ' +
      'plain text and JSON as they are. It does not log in, fill in forms or run scripts, and does not read PDFs or pictures.',
    input: z.strictObject({ url: z.url({ protocol: /^https?$/ }).max(4_000) }),
    replay: 'safe',
    timeout: '90 s',
    telling: 'url',
    outside: 'a web page',
    reach: { hosts: ['*'] },
    async run({ url }, { fetch, signal }) {
      const response = await fetch(url, {
        headers: {
          accept: 'text/html,application/xhtml+xml,text/markdown,text/plain,application/json;q=0.9,*/*;q=0.5',
          'user-agent': 'Mozilla/5.0 (compatible; Cadenza)',
        },
      });
      if (!response.ok) throw await refusalOf(response, new URL(response.url).host);
      const contentType = response.headers.get('content-type') ?? 'text/html';
      if (!isReadable(contentType)) {
        await response.body?.cancel();
        throw new ToolFailure({ type: 'ToolFailed', message: `${url} is ${contentType}, which is not read as text` });
      }
      const bytes = new Uint8Array(await response.arrayBuffer());
      const page = await readers.run({ bytes, contentType, url: response.url }, signal);
      return shown(page, response.url);
    },
  });
  return { tool, close: readers.close };
}

function isReadable(contentType: string): boolean {
  return /^(text\/|application\/([\w.+-]+\+)?(json|xml|xhtml|yaml|javascript|ld\+json))/i.test(contentType);
}

function shown({ title, text }: PageText, url: string): string {
  const cut = text.length > LONGEST_TEXT;
  const note = cut ? `\n\n[The first ${LONGEST_TEXT} of ${text.length} characters]` : '';
  return `${title === undefined ? '' : `# ${title}\n`}${url}\n\n${text.slice(0, LONGEST_TEXT)}${note}`;
}
