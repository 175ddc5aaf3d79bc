import { extractText, getDocumentProxy } from 'unpdf';
import type { Block, ReadDocument } from './document.ts';
import { UnreadableError } from './document.ts';
import { paragraphs } from './read-text.ts';

/** The text of a PDF, page by page. @throws UnreadableError where it is damaged, locked, or holds pictures alone */
export async function readPdf(bytes: Uint8Array): Promise<ReadDocument> {
  const { pages, title } = await pagesOf(bytes);
  if (pages.every((page) => page.trim() === '')) {
    throw new UnreadableError(
      'The PDF holds no text: its pages may be scanned',
      'Run it through text recognition first',
    );
  }
  let text = '';
  const blocks: Block[] = [];
  for (const [index, page] of pages.entries()) {
    const start = text.length;
    text += page;
    blocks.push(...paragraphs(text, start, text.length, index + 1));
    text += '\n\n';
  }
  return { text, blocks, ...(title ? { title } : {}) };
}

async function pagesOf(bytes: Uint8Array): Promise<{ pages: string[]; title?: string }> {
  try {
    // A copy, and no Buffer: it takes the bytes away from whoever gave them.
    const pdf = await getDocumentProxy(new Uint8Array(bytes), { verbosity: 0 });
    try {
      const { text } = await extractText(pdf, { mergePages: false });
      const { info } = await pdf.getMetadata();
      const title = (info as { Title?: unknown }).Title;
      const pages = text.map((page) => page.toWellFormed().replaceAll('\0', '\uFFFD').trimEnd());
      return { pages, ...(typeof title === 'string' && title.trim() !== '' ? { title: title.trim() } : {}) };
    } finally {
      await pdf.loadingTask.destroy();
    }
  } catch (thrown) {
    const { name, message } = thrown as Error;
    throw new UnreadableError(
      name === 'PasswordException' ? 'The PDF needs a password' : `The PDF cannot be read: ${message}`,
    );
  }
}
