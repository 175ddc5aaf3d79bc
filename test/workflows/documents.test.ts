import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../src/config/index.ts';
import type { AnswerResult, IngestResult } from '../../src/contract/index.ts';
import { readDocument } from '../../src/documents/index.ts';
import { type Library, library } from '../setup/library.ts';
import { mockProvider } from '../setup/mock-provider.ts';
import { type StepBed, stepBed } from '../setup/step-bed.ts';

let bed: StepBed;
let books: Library;
const root = mkdtempSync(path.join(os.tmpdir(), 'cadenza-documents-'));

beforeAll(async () => {
  books = await library();
  const config: ConfigInput = {
    providers: { books: { kind: 'openai-compatible', baseUrl: books.url, models: ['words', 'reader'] } },
    prices: { 'books/words': { inputPerMillion: 1, outputPerMillion: 0 } },
    documents: { roots: [root], embeddings: 'books/words' },
    toolSettings: { privateHosts: ['127.0.0.1'] },
  };
  bed = await stepBed(await mockProvider(), { config });
});
afterAll(async () => {
  await bed.close();
  await books.stop();
  rmSync(root, { recursive: true });
});

/** A folder of files, by their names. */
function folder(name: string, files: Record<string, string | Uint8Array>): string {
  const at = path.join(root, name);
  mkdirSync(at, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(at, file)), { recursive: true });
    writeFileSync(path.join(at, file), content);
  }
  return at;
}

async function ingest(input: object, tenant?: string): Promise<IngestResult> {
  const run = await bed.client.start('ingest', input as never, tenant === undefined ? {} : { tenant });
  return run.result() as Promise<IngestResult>;
}

async function answer(input: object, tenant?: string): Promise<AnswerResult> {
  const policy = { candidates: ['books/reader'], cache: false };
  const run = await bed.client.start('answer', { policy, ...input } as never, tenant === undefined ? {} : { tenant });
  return run.result() as Promise<AnswerResult>;
}

const RIVER =
  '# Rivers\n\nRivers bend because water runs faster on the outside.\n\n## Lakes\n\nAn oxbow lake is a bend that was cut off.\n';

test('what was ingested is skipped, what changed is read anew, and what is gone is taken out', async () => {
  const at = folder('changes', { 'a.md': RIVER, 'b.txt': 'Mountains are old.', 'sub/c.csv': 'name,age\nAda,36\n' });
  const input = { collection: 'changes', sources: [at] };
  expect(await ingest(input)).toMatchObject({ documents: 3, chunks: 4, skipped: 0, removed: 0, failed: [] });
  const before = new Map(books.embedded);

  expect(await ingest(input)).toMatchObject({ documents: 0, chunks: 0, skipped: 3, removed: 0 });
  expect(books.embedded).toEqual(before);

  folder('changes', { 'a.md': RIVER.replace('faster', 'slower') });
  rmSync(path.join(at, 'b.txt'));
  expect(await ingest(input)).toMatchObject({ documents: 1, chunks: 2, skipped: 1, removed: 1 });
  const anew = [...books.embedded].filter(([text, times]) => before.get(text) !== times).map(([text]) => text);
  // The chunk about lakes is as it was.
  expect(anew).toHaveLength(1);
  expect(anew[0]).toContain('slower');

  const found = await bed.step<{ source: string }[]>('retrieve', { collection: 'changes', query: 'Mountains' }, 'gone');
  expect(found.map(({ source }) => path.basename(source))).not.toContain('b.txt');
});

test('a document that cannot be read is one clear error, and the collection keeps what it had of it', async () => {
  const pdf = Buffer.from('%PDF-1.7 this is no PDF');
  const at = folder('broken', { 'good.md': RIVER, 'bad.pdf': pdf, 'later.md': 'It was fine once.' });
  const first = await bed.client.start('ingest', { collection: 'broken', sources: [at] });
  expect(await first.result()).toMatchObject({
    ...{ documents: 2, skipped: 0 },
    failed: [
      { source: path.join(at, 'bad.pdf'), error: { message: expect.stringContaining('The PDF cannot be read') } },
    ],
  });
  const events = await bed.eventsOf(first.id);
  expect(events.filter(({ type }) => type === 'ingest.failed')).toHaveLength(1);

  folder('broken', { 'later.md': Buffer.from([0, 1, 2, 0]) });
  expect(await ingest({ collection: 'broken', sources: [at] })).toMatchObject({ documents: 0, skipped: 1, removed: 0 });
  const [found] = await bed.step<{ text: string }[]>('retrieve', { collection: 'broken', query: 'fine once' }, 'kept');
  expect(found!.text).toBe('It was fine once.');
});

test('sources that cannot be reached at all start nothing: outside of the roots, hidden, not there', async () => {
  folder('outside', { '.env': 'KEY=1' });
  for (const [source, message] of [
    ['/etc/hostname', /is not to be read: this worker reads files in/],
    [path.join(root, 'outside/.env'), /is hidden/],
    [path.join(root, 'nowhere'), /There is no file or folder/],
    ['http://169.254.169.254/latest', undefined],
  ] as const) {
    const input = { collection: 'outside', sources: [source] };
    if (message)
      await expect(ingest(input)).rejects.toMatchObject({
        error: { type: 'InvalidRequest', message: expect.stringMatching(message) },
      });
    // An address is refused where it is fetched, as DNS may say another thing then.
    else expect((await ingest(input)).failed[0]!.error.message).toMatch(/is on a private network/);
  }
});

test('addresses are read, asked again where that may help, and skipped where they are as they were', async () => {
  let asked = 0;
  books.pages = (at) => {
    if (at === '/pages/gone') return undefined;
    asked += 1;
    if (asked === 1) return [503, 'text/plain', 'not now'];
    return [
      200,
      'text/html; charset=utf-8',
      '<html><title>Fens</title><body><p>Fens are wet all year.</p></body></html>',
    ];
  };
  const sources = [`${books.url}/pages/fens`, `${books.url}/pages/gone`];
  expect(await ingest({ collection: 'pages', sources })).toMatchObject({
    ...{ documents: 1, chunks: 1 },
    failed: [{ source: sources[1], error: { message: `${sources[1]} answered 404` } }],
  });
  expect(asked).toBe(2);
  expect(await ingest({ collection: 'pages', sources })).toMatchObject({ documents: 0, skipped: 1 });
  const [found] = await bed.step<{ text: string }[]>('retrieve', { collection: 'pages', query: 'wet' }, 'fens');
  expect(found).toMatchObject({ source: sources[0], heading: 'Fens', text: '# Fens\n\nFens are wet all year.' });
});

test('each citation stands in its file: text, Markdown, CSV, HTML, PDF and Word', async () => {
  const files = path.resolve(import.meta.dirname, '../documents/files');
  const at = folder('kinds', {
    'a.txt': 'The first line.\n\nThe heron stands on one leg to keep warm.\n',
    'b.md': RIVER,
    'c.csv': 'bird;weight\nheron;1500 g\nrobin;18 g\n',
    'd.html':
      '<html><head><title>Owls</title></head><body><h1>Owls</h1><p>Owls turn their heads by 270 degrees.</p></body></html>',
    'e.pdf': readFileSync(path.join(files, 'two-pages.pdf')),
    'f.docx': readFileSync(path.join(files, 'kites.docx')),
  });
  expect(await ingest({ collection: 'kinds', sources: [at] })).toMatchObject({ documents: 6, failed: [] });

  const quotes = [
    'stands on one leg',
    'cut off',
    'robin;18 g',
    'by 270 degrees',
    'The swift sleeps in the air',
    'Kites circle over meadows',
  ];
  books.says = (prompt) => {
    const passages = [...prompt.matchAll(/<passage number="(\d+)".*>\n([\s\S]*?)\n<\/passage>/g)];
    const cited = quotes.map((quote) => {
      const found = passages.find(([, , text]) => text!.replaceAll(/\s+/g, ' ').includes(quote));
      return { passage: Number(found![1]), quote };
    });
    const text = cited.map(({ passage, quote }) => `${quote} [${passage}].`).join(' ');
    return { found: true, answer: text, quotes: cited };
  };
  const result = await answer({
    collection: 'kinds',
    question: 'What do the birds do, and what of rivers?',
    limit: 20,
  });
  expect(result).toMatchObject({ found: true });
  expect(result.text).toBe(quotes.map((quote, index) => `${quote} [${index + 1}].`).join(' '));
  expect(result.citations.map(({ source }) => path.basename(source))).toEqual([
    'a.txt',
    'b.md',
    'c.csv',
    'd.html',
    'e.pdf',
    'f.docx',
  ]);
  for (const { source, span, lines, quote } of result.citations) {
    const type = (['html', 'pdf', 'docx'] as const).find((one) => source.endsWith(one));
    const bytes = readFileSync(source);
    const text = type ? (await readDocument(bytes, type)).text : bytes.toString('utf8');
    expect(text.slice(span.start, span.end)).toBe(quote);
    expect(
      text
        .split('\n')
        .slice(lines.from - 1, lines.to)
        .join('\n'),
    ).toContain(quote);
  }
  expect(result.citations[4]).toMatchObject({ page: 2 });
  expect(result.citations[1]).toMatchObject({ heading: 'Rivers > Lakes' });
  expect(result.citations[2]).toMatchObject({ heading: 'bird, weight' });
});

test('a quote that is nowhere in the passages is asked for again, then left out with its mark', async () => {
  await ingest({ collection: 'quotes', sources: [{ name: 'river', text: RIVER }] });
  const said: string[] = [];
  books.says = (prompt) => {
    said.push(prompt);
    return {
      found: true,
      answer: 'They bend [1]. They sing [2].',
      quotes: [
        { passage: 1, quote: 'Rivers bend because' },
        { passage: 2, quote: 'Rivers sing' },
      ],
    };
  };
  const result = await answer({ collection: 'quotes', question: 'Why do rivers bend?' });
  expect(said).toHaveLength(2);
  expect(said[1]).toContain('"Rivers sing" is not in passage 2');
  expect(result.text).toBe('They bend [1]. They sing.');
  expect(result.citations).toMatchObject([{ source: 'river', quote: 'Rivers bend because' }]);
});

test('what the documents do not say is not answered: the model says so, or no quote of it holds', async () => {
  await ingest({ collection: 'silent', sources: [{ name: 'river', text: RIVER }] });
  books.says = () => ({ found: false, answer: 'I do not know.', quotes: [] });
  const input = { collection: 'silent', question: 'Who won in 1954?' };
  expect(await answer(input)).toMatchObject({ found: false, text: 'Not in the documents.', citations: [] });
  books.says = () => ({ found: true, answer: 'Germany [1].', quotes: [{ passage: 1, quote: 'Germany won' }] });
  expect(await answer({ ...input, question: 'Who won then?' })).toMatchObject({ found: false, citations: [] });
});

test('a reranker puts passages in order, and leaves out what does not help', async () => {
  const texts = Array.from({ length: 6 }, (_, n) => ({ name: `n${n}`, text: `River number ${n} is long.` }));
  await ingest({ collection: 'reranked', sources: texts });
  const prompts: string[] = [];
  books.says = (prompt) => {
    prompts.push(prompt);
    if (prompts.length > 1) return { found: false, answer: '', quotes: [] };
    const number = /<passage number="(\d+)" source="n3"/.exec(prompt)![1];
    return { ranking: [{ passage: Number(number), relevance: 0.9 }] };
  };
  await answer({ collection: 'reranked', question: 'Which river?', limit: 2, rerank: 'books/reader' });
  expect(prompts[0]!.match(/<passage /g)).toHaveLength(6);
  expect(prompts[1]!.match(/<passage /g)).toHaveLength(1);
  expect(prompts[1]).toContain('source="n3"');
});

test('tenants have collections of their own, under the same name', async () => {
  await ingest({ collection: 'shared', sources: [{ name: 'hers', text: 'The secret word is plum.' }] }, 'ann');
  await ingest({ collection: 'shared', sources: [{ name: 'his', text: 'The secret word is pear.' }] }, 'bob');
  const prompts: string[] = [];
  books.says = (prompt) => {
    prompts.push(prompt);
    return { found: true, answer: 'It is said [1].', quotes: [{ passage: 1, quote: 'The secret word is' }] };
  };
  const input = { collection: 'shared', question: 'What is the secret word?' };
  expect((await answer(input, 'ann')).citations).toMatchObject([{ source: 'hers' }]);
  expect((await answer(input, 'bob')).citations).toMatchObject([{ source: 'his' }]);
  expect(prompts.map((prompt) => /plum|pear/.exec(prompt)![0])).toEqual(['plum', 'pear']);
  await expect(answer(input, 'eve')).rejects.toMatchObject({
    code: 'InvalidRequest',
    message: 'There is no collection "shared".',
  });
  await expect(answer(input)).rejects.toMatchObject({ code: 'InvalidRequest' });
});

test('an agent searches the documents of its tenant, and of no other', async () => {
  await ingest({ collection: 'river', sources: [{ name: 'river', text: RIVER }] }, 'agents');
  const prompts: string[] = [];
  books.says = (prompt) => {
    prompts.push(prompt);
    const query = 'What is an oxbow lake?';
    return prompts.length === 1 ? { toolCall: { name: 'search_documents', arguments: { query } } } : { done: true };
  };
  const input = {
    task: 'Find out.',
    tools: ['search_documents'],
    policy: { candidates: ['books/reader'], cache: false },
  };
  const run = await bed.client.start('agent', input as never, { tenant: 'agents' });
  await run.result();
  expect(prompts[1]).toContain('[river, lines 5-7, Rivers > Lakes]');
  expect(prompts[1]).toContain('An oxbow lake is a bend that was cut off.');
  prompts.length = 0;
  const other = await bed.client.start('agent', input as never, { tenant: 'strangers' });
  await other.result();
  expect(prompts[1]).toContain('There are no documents');
});

test('the vectors are on the bill and within the budget; a collection keeps its model', async () => {
  const sources = [{ name: 'paid', text: RIVER }];
  const run = await bed.client.start('ingest', { collection: 'paid', sources });
  await run.result();
  const bill = await bed.client.bill(run.id);
  expect(bill.calls).toMatchObject([{ step: 'embed/1-1', model: 'books/words', usage: { inputTokens: 20 } }]);
  expect(bill.totalUsd).toBeCloseTo(20e-6, 9);
  const other = await bed.client.start('ingest', { collection: 'poor', sources }, { budgetUsd: 1e-7 });
  expect((await other.result().catch((error) => error)).error).toMatchObject({ type: 'BudgetExceeded' });
  await expect(ingest({ collection: 'paid', sources, embeddings: 'sandbox/words' })).rejects.toMatchObject({
    message: expect.stringContaining('has vectors of books/words, not of sandbox/words'),
  });
});

test('readers are told how far an ingest is, and an outage of the vectors is waited for', async () => {
  const sources = Array.from({ length: 40 }, (_, n) => ({ name: `outage ${n}`, text: `Note ${n} of the outage.` }));
  const down = books.batches.length + 2;
  books.refuse = (nth) => (nth === down ? 503 : undefined);
  const run = await bed.client.start('ingest', { collection: 'outage', sources });
  expect(await run.result()).toMatchObject({ documents: 40, chunks: 40 });
  const events = await bed.eventsOf(run.id);
  expect(events.filter(({ type }) => type === 'call.retrying')).toHaveLength(1);
  expect(events.filter(({ type }) => type === 'ingest.progress').at(-1)).toMatchObject({ done: 40, total: 40 });
  expect(events.find(({ type }) => type === 'ingest.progress')).toMatchObject({ done: 0, costUsd: 0 });
  const ends = (type: string) => events.filter((event) => event.type === type && event.step?.startsWith('embed/'));
  expect(ends('step.completed').map(({ step }) => step)).toEqual(ends('step.started').map(({ step }) => step));
  expect(ends('step.completed')).toHaveLength(3);
  const embedded = [...books.embedded].filter(([text]) => text.includes('of the outage'));
  expect(embedded).toHaveLength(40);
  expect(embedded.every(([, times]) => times === 1)).toBe(true);
});
