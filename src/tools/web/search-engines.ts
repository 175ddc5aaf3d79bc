import { z } from 'zod';

export interface Found {
  title: string;
  url: string;
  /** what the engine shows of the page */
  text: string;
}

/** A web search: what is asked, and how its answer is read. */
export interface SearchEngine {
  name: 'tavily' | 'brave' | 'searxng';
  /** the environment variable that configures it */
  variable: string;
  /** most results it gives at once */
  most: number;
  /** @param setting the variable's value. @param baseUrl instead of the engine's own address */
  request(query: string, count: number, setting: string, baseUrl?: string): { url: URL; init: RequestInit };
  /** @throws ZodError for what is no answer of this engine */
  read(answer: unknown): Found[];
}

const TavilyAnswer = z.object({
  results: z.array(z.object({ title: z.string(), url: z.string(), content: z.string() })),
});

/** https://docs.tavily.com/documentation/api-reference/endpoint/search */
const tavily: SearchEngine = {
  name: 'tavily',
  variable: 'TAVILY_API_KEY',
  most: 20,
  request: (query, count, key, baseUrl = 'https://api.tavily.com') => ({
    url: new URL(`${baseUrl}/search`),
    init: {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ query, max_results: count }),
    },
  }),
  read: (answer) =>
    TavilyAnswer.parse(answer).results.map(({ title, url, content }) => ({ title, url, text: content })),
};

const BraveAnswer = z.object({
  web: z
    .object({ results: z.array(z.object({ title: z.string(), url: z.string(), description: z.string().default('') })) })
    .optional(),
});

/** https://api-dashboard.search.brave.com/api-reference/web/search */
const brave: SearchEngine = {
  name: 'brave',
  variable: 'BRAVE_API_KEY',
  most: 20,
  request: (query, count, key, baseUrl = 'https://api.search.brave.com') => ({
    url: withQuery(`${baseUrl}/res/v1/web/search`, { q: query, count: String(count) }),
    init: { headers: { 'x-subscription-token': key, accept: 'application/json' } },
  }),
  read: (answer) =>
    (BraveAnswer.parse(answer).web?.results ?? []).map(({ title, url, description }) => ({
      title: withoutTags(title),
      url,
      text: withoutTags(description),
    })),
};

const SearxngAnswer = z.object({
  results: z.array(z.object({ title: z.string(), url: z.string(), content: z.string().nullish() })),
});

/** https://docs.searxng.org/dev/search_api.html; its settings must list `json` under `search.formats` */
const searxng: SearchEngine = {
  name: 'searxng',
  variable: 'SEARXNG_URL',
  most: 50,
  request: (query, _, address, baseUrl = address) => ({
    url: withQuery(`${baseUrl.replace(/\/$/, '')}/search`, { q: query, format: 'json' }),
    init: { headers: { accept: 'application/json' } },
  }),
  read: (answer) =>
    SearxngAnswer.parse(answer).results.map(({ title, url, content }) => ({ title, url, text: content ?? '' })),
};

/** In the order in which they are taken. */
export const SEARCH_ENGINES: SearchEngine[] = [tavily, brave, searxng];

function withQuery(address: string, query: Record<string, string>): URL {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

/** Brave marks the words that were found. */
function withoutTags(html: string): string {
  return html
    .replace(/<\/?[a-z]+>/gi, '')
    .replaceAll('&quot;', '"')
    .replaceAll('&#x27;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}
