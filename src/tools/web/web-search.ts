import { z } from 'zod';
import type { ToolSettings } from '../../config/index.ts';
import { durationMs } from '../../contract/index.ts';
import { guardedFetch } from '../guard/guarded-fetch.ts';
import { defineTool, type Tool, ToolFailure } from '../tool.ts';
import { refusalOf } from './refusal.ts';
import { type Found, SEARCH_ENGINES, type SearchEngine } from './search-engines.ts';

const COUNT = 5;
/** Characters of one result's text. */
const LONGEST_TEXT = 2_000;

/** Searches the web by the first engine that the environment configures, or the one of the settings. */
export function webSearch(settings: ToolSettings): Tool {
  return defineTool({
    name: 'web_search',
    description:
      'Searches the web, and gives titles, addresses and a piece of text of the best results. Pages themselves are read ' +
      'with fetch_page.',
    input: z.strictObject({
      query: z.string().min(1).max(400),
      count: z.number().int().min(1).max(20).default(COUNT).describe('results, at most'),
    }),
    replay: 'safe',
    telling: 'query',
    outside: 'a web search',
    async run({ query, count }, { env, signal }) {
      const engine = engineOf(settings, env);
      if (engine === undefined) return { results: sandboxResults(query, count) };
      return { results: await found(engine, query, Math.min(count, engine.most), settings, env, signal) };
    },
  });
}

function engineOf({ search }: ToolSettings, env: NodeJS.ProcessEnv): SearchEngine | undefined {
  const configured = SEARCH_ENGINES.filter(({ variable }) => env[variable]);
  if (search.engine === undefined) return configured[0];
  const engine = configured.find(({ name }) => name === search.engine);
  if (engine) return engine;
  const { variable } = SEARCH_ENGINES.find(({ name }) => name === search.engine)!;
  throw new ToolFailure({
    type: 'AuthenticationFailed',
    message: `The search engine ${search.engine} is not configured: ${variable} is not set`,
    hint: `Set ${variable} for the workers`,
  });
}

async function found(
  engine: SearchEngine,
  query: string,
  count: number,
  settings: ToolSettings,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Found[]> {
  const { url, init } = engine.request(query, count, env[engine.variable]!, settings.search.baseUrl);
  // Who runs the workers chose this address: it may be private, and no other is asked.
  const ask = guardedFetch(
    { hosts: [url.host], methods: ['GET', 'POST'] },
    { ...settings, privateHosts: [url.host], timeoutMs: durationMs(settings.fetchTimeout), signal },
  );
  const response = await ask(url, init);
  if (!response.ok) throw await refusalOf(response, engine.name, engine.variable);
  const answer = await response
    .json()
    .then(engine.read)
    .catch((thrown) => {
      if (thrown instanceof ToolFailure) throw thrown;
      return undefined;
    });
  if (answer === undefined) {
    const hint = engine.name === 'searxng' ? 'Its settings must list json under search.formats' : undefined;
    throw new ToolFailure({ type: 'ToolFailed', message: `${engine.name} gave no list of results`, hint });
  }
  return answer.slice(0, count).map(({ title, url, text }) => ({ title, url, text: text.slice(0, LONGEST_TEXT) }));
}

/** Without any key: results that say in each title what they are. */
function sandboxResults(query: string, count: number): Found[] {
  return Array.from({ length: Math.min(count, 3) }, (_, index) => ({
    title: `sandbox: result ${index + 1} for "${query}"`,
    url: `https://sandbox.invalid/${index + 1}?q=${encodeURIComponent(query)}`,
    text: `This is no real result: no search engine is configured. Set ${SEARCH_ENGINES.map(({ variable }) => variable).join(', or ')}.`,
  }));
}
