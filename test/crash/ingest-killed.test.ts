import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type RawBuilder, sql } from 'kysely';
import { type Library, library } from '../setup/library.ts';
import type { MockProvider } from '../setup/mock-provider.ts';
import { until } from '../setup/until.ts';
import { type CrashBed, crashBed } from './crash-bed.ts';

const DOCUMENTS = 60;
const SECTIONS = 12;
/** Requests for vectors, by number, that get no answer because their worker is killed. At the last of them others are in
 *  flight, and may have been answered to nobody. */
const KILL_AT = [2, 7];
const IN_FLIGHT = 4 * 96;
const MODEL = 'openai/text-embedding-3-small';

let books: Library;
let bed: CrashBed;
const root = mkdtempSync(path.join(os.tmpdir(), 'cadenza-ingest-'));

beforeAll(async () => {
  for (let n = 1; n <= DOCUMENTS; n += 1) {
    const sections = Array.from(
      { length: SECTIONS },
      (_, s) => `## Section ${s + 1}\n\nFact ${n}.${s + 1} of the book.\n`,
    );
    // The last section of all documents is the same: it is embedded once.
    const end = '## Imprint\n\nAll of them were printed in the same place.\n';
    writeFileSync(path.join(root, `${String(n).padStart(3, '0')}.md`), [...sections, end].join('\n'));
  }
  writeFileSync(path.join(root, 'broken.pdf'), '%PDF-1.4 and no more');
  books = await library();
  const env = { OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: `${books.url}/v1`, CADENZA_DOCUMENTS: root };
  bed = await crashBed({ provider: { env, stop: books.stop } as unknown as MockProvider });
});
afterAll(async () => {
  await bed.close();
  rmSync(root, { recursive: true });
});

test('an ingest survives kills of its worker: no chunk is lost or doubled, and what was answered not embedded again', async () => {
  const { cadenza, store } = bed;
  const held = KILL_AT.map(() => Promise.withResolvers<void>());
  books.hold = (nth) => {
    const kill = KILL_AT.indexOf(nth);
    if (kill === -1) return undefined;
    held[kill]!.resolve();
    return new Promise(() => {});
  };
  const repeats = () => [...books.embedded].filter(([, count]) => count !== 1);
  const kept = () => countOf(sql`select count(distinct hash) as n from chunks where vector is not null`);
  const countOf = async (query: RawBuilder<unknown>) => ((await query.execute(store.db)).rows[0] as { n: number }).n;
  await bed.start();
  const input = { collection: 'books', sources: [root], embeddings: MODEL };
  const run = await cadenza.start('ingest', input);
  for (const [index, { promise }] of held.entries()) {
    await promise;
    if (index < KILL_AT.length - 1) await until(async () => (await kept()) === books.embedded.size || undefined);
    const before = repeats();
    await bed.kill();
    expect(before).toEqual([]);
    await bed.start();
  }
  const result = await run.result();
  expect(result).toMatchObject({ documents: DOCUMENTS, skipped: 0, removed: 0, chunks: DOCUMENTS * (SECTIONS + 1) });
  expect(result.failed).toMatchObject([{ source: path.join(root, 'broken.pdf') }]);

  console.log(`${repeats().length} of ${books.embedded.size} texts embedded again, in flight at the last kill`);
  expect(repeats().length).toBeLessThanOrEqual(IN_FLIGHT);
  expect(Math.max(...books.embedded.values())).toBeLessThanOrEqual(2);
  expect(books.embedded.size).toBe(DOCUMENTS * SECTIONS + 1);

  const { rows } = await sql<{ documents: number; chunks: number; texts: number; embedded: number; last: number }>`
    select count(distinct d.id) as documents, count(c.id) as chunks, count(distinct (d.source, c.text)) as texts,
      count(c.vector) as embedded, max(c.n) as last
    from documents d join chunks c on c.document = d.id where d.ready`.execute(store.db);
  const chunks = DOCUMENTS * (SECTIONS + 1);
  expect(rows).toEqual([{ documents: DOCUMENTS, chunks, texts: chunks, embedded: chunks, last: SECTIONS + 1 }]);
  const staged = await store.db.selectFrom('documents').select('id').where('ready', '=', false).execute();
  expect(staged).toEqual([]);

  const events = await Array.fromAsync(run.events());
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
  const answered = books.batches.length - KILL_AT.length;
  expect((await cadenza.bill(run.id)).calls.filter(({ estimated }) => !estimated).length).toBeLessThanOrEqual(answered);

  const again = await cadenza.start('ingest', input);
  expect(await again.result()).toMatchObject({ documents: 0, skipped: DOCUMENTS });
  expect(books.embedded.size).toBe(DOCUMENTS * SECTIONS + 1);
});
