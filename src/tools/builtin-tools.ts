import { z } from 'zod';
import type { ToolSettings } from '../config/index.ts';
import { calculator } from './calculator/calculator.ts';
import { code } from './code/code.ts';
import { files } from './files.ts';
import type { ToolSource } from './registry.ts';
import { defineTool, type Tool } from './tool.ts';
import { fetchPage } from './web/fetch-page.ts';
import { webSearch } from './web/web-search.ts';

/** The tools every worker has: docs/tools.md. */
export function builtinTools(settings: ToolSettings): ToolSource {
  const calculation = calculator();
  const page = fetchPage();
  const tools = [calculation.tool, code(settings.code), webSearch(settings), page.tool, files, askPerson];
  return {
    list: async () => tools,
    async close() {
      await Promise.all([calculation.close(), page.close()]);
    },
  };
}

/** Its work is done by the run, which waits for somebody's answer. */
const askPerson: Tool = {
  ...defineTool({
    name: 'ask_person',
    description:
      'Asks the person this work is for, and waits for the answer, which may take long. Ask only what you cannot find ' +
      'out yourself and cannot go on without: one clear question, with what is needed to answer it.',
    input: z.strictObject({ question: z.string().min(1).max(10_000) }),
    replay: 'safe',
    telling: 'question',
  }),
  asksPerson: true,
};
