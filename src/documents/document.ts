import type { CallError } from '../contract/index.ts';

/** A larger document is not read, bytes. */
export const MOST_BYTES = 50_000_000;

/** How a document is read. */
export type DocumentType = 'text' | 'markdown' | 'html' | 'csv' | 'pdf' | 'docx';

/** A part of a text that is best left whole: a paragraph, a list, a row. */
export interface Block {
  start: number;
  end: number;
  /** the headings it stands under, `Guide > Setup` */
  heading?: string;
  isHeading?: boolean;
  /** from 1 */
  page?: number;
  /** cut between lines rather than sentences, where it must be cut: code, lists, tables */
  byLine?: boolean;
}

/** A document as text. */
export interface ReadDocument {
  text: string;
  title?: string;
  /** in the order of the text */
  blocks: Block[];
}

/** A document that cannot be read; whoever reads others goes on with those. */
export class UnreadableError extends Error {
  readonly error: CallError;

  constructor(message: string, hint?: string) {
    super(message);
    this.error = { type: 'InvalidRequest', message, ...(hint === undefined ? {} : { hint }) };
  }
}
