import { z } from 'zod';
import { CollectionName, type Passage } from '../contract/index.ts';
import type { ToolSource } from './registry.ts';
import { defineTool } from './tool.ts';

const DESCRIPTION =
  'Looks for passages in collections of documents, by their words and by what they mean. Gives passages with their ' +
  'source, page, lines and heading; cite the source of what you use. Ask for one thing at a time, in a sentence.';

/** `search_documents`: the collections of the run's tenant, as `ingest` made them. */
export function documentTools(): ToolSource {
  const tools = [searchDocuments()];
  return { list: async () => tools };
}

function searchDocuments() {
  return defineTool({
    name: 'search_documents',
    description: DESCRIPTION,
    input: z.object({
      query: z.string().min(1).max(2_000),
      collection: CollectionName.optional().describe('its name; may be left out where there is only one'),
      limit: z.number().int().min(1).max(20).default(6).describe('passages at most'),
    }),
    replay: 'safe',
    telling: 'query',
    async run(query, { documents }) {
      const passages = await documents.search(query);
      return passages.length === 0 ? 'The collection is empty.' : passages.map(passageText).join('\n\n');
    },
  });
}

function passageText({ source, page, lines, heading, text }: Passage): string {
  const place = [
    page === undefined ? `lines ${lines.from}-${lines.to}` : `page ${page}`,
    ...(heading ? [heading] : []),
  ];
  return `[${source}, ${place.join(', ')}]\n${text}`;
}
