import { type DocumentType, type ReadDocument, UnreadableError } from './document.ts';
import { decodeText, paragraphs } from './read-text.ts';

/**
 * Reads a document. The libraries that know its type are loaded with the first one of it.
 * @throws UnreadableError where it is not what its type says
 */
export async function readDocument(bytes: Uint8Array, type: DocumentType): Promise<ReadDocument> {
  switch (type) {
    case 'pdf': {
      const { readPdf } = await import('./read-pdf.ts');
      return readPdf(bytes);
    }
    case 'docx':
      return readDocx(bytes);
    case 'html': {
      const { readHtml } = await import('./read-html.ts');
      return readHtml(decodeText(bytes));
    }
    case 'csv': {
      const { readCsv } = await import('./read-csv.ts');
      return readCsv(decodeText(bytes));
    }
    case 'markdown': {
      const { readMarkdown } = await import('./read-markdown.ts');
      return readMarkdown(decodeText(bytes));
    }
    case 'text': {
      const text = decodeText(bytes);
      return { text, blocks: paragraphs(text) };
    }
  }
}

/** A Word document as Markdown, by way of HTML. */
async function readDocx(bytes: Uint8Array): Promise<ReadDocument> {
  const [{ default: mammoth }, { markdownOf }, { readMarkdown }] = await Promise.all([
    import('mammoth'),
    import('./read-html.ts'),
    import('./read-markdown.ts'),
  ]);
  const { value } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) }).catch((thrown: Error) => {
    throw new UnreadableError(`The Word document cannot be read: ${thrown.message}`);
  });
  return readMarkdown(markdownOf(value));
}
