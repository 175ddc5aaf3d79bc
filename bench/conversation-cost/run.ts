/**
 * What a turn of a long conversation costs, in tokens and in time, against a provider on this machine that counts 1.3
 * tokens for each of o200k. Writes docs/patterns/conversation-cost.csv and .svg.
 *
 *   node bench/conversation-cost/run.ts [--turns 1000]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { parseConfig } from '../../src/config/index.ts';
import { findTemporalCli, startPostgres, startTemporal } from '../../src/local/index.ts';
import { startWorker } from '../../src/workers/index.ts';
import { conversationProvider, wordsFor } from '../../test/setup/conversation-provider.ts';
import { chart } from './chart.ts';

const { values } = parseArgs({ options: { turns: { type: 'string', default: '1000' } } });
const TURNS = Number(values.turns);
const MAX_TOKENS = 2_000;
const SYSTEM = 'You know all about rivers.';
const DOCS = path.resolve(import.meta.dirname, '../../docs/patterns');

const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
Runtime.install({ logger: new DefaultLogger('ERROR') });
const home = await mkdtemp(path.join(os.tmpdir(), 'cadenza-bench-'));
const provider = await conversationProvider({ ratio: 1.3 });
const postgres = await startPostgres({ dir: path.join(home, 'postgres'), port: 0, log: () => {} });
const cli = findTemporalCli(path.resolve('.cadenza')) ?? 'temporal';
const dbFile = path.join(home, 'temporal.db');
const temporal = await startTemporal({ cli, dbFile, port: 0, uiPort: 0, namespace: 'default', log: () => {} });
const worker = await startWorker({
  temporalAddress: temporal.address,
  namespace: 'default',
  databaseUrl: postgres.url,
  config: parseConfig({}),
  env: { ...process.env, ...provider.env },
  log: quiet,
});

interface Row {
  turn: number;
  /** of the call that answers */
  tokens: number;
  /** of the calls for summaries since the turn before */
  summaryTokens: number;
  /** what the turn would take with the whole transcript */
  wholeTokens: number;
  ms: number;
}

const rows: Row[] = [];
try {
  const { client } = worker;
  const { id } = await client.start('conversation', {
    system: SYSTEM,
    policy: { candidates: ['openai/gpt-6-sol'] },
    context: { window: { maxTokens: MAX_TOKENS }, summary: { whenOverTokens: 1_500, keepTurns: 6 } },
  });
  let seen = 0;
  let whole = provider.tokensOf([SYSTEM]);
  for (let turn = 1; turn <= TURNS; turn += 1) {
    const text = `message ${turn - 1} ${wordsFor(turn)}`;
    const began = performance.now();
    const answer = await client.send(id, text);
    const ms = performance.now() - began;
    const { inputTokens, outputTokens } = answer.usage;
    const before = provider.billed.slice(seen).filter(({ isSummary }) => isSummary);
    seen = provider.billed.length;
    whole += provider.tokensOf([text]);
    const wholeTokens = whole + outputTokens;
    whole += provider.tokensOf([answer.text]);
    const summaryTokens = before.reduce((sum, { tokens }) => sum + tokens, 0);
    rows.push({ turn, tokens: inputTokens + outputTokens, summaryTokens, wholeTokens, ms });
  }
  await client.end(id);
  await client.result(id);
} finally {
  await worker.drain();
  await provider.stop();
  await temporal.stop();
  await postgres.stop();
  await rm(home, { recursive: true, force: true });
}

const round = (value: number) => Math.round(value);
await writeFile(
  path.join(DOCS, 'conversation-cost.csv'),
  ['turn,tokens,summary_tokens,whole_transcript_tokens', ...rows.map(csvLine), ''].join('\n'),
);
await writeFile(
  path.join(DOCS, 'conversation-cost.svg'),
  chart(
    `Tokens a turn, ${TURNS} turns, window of ${MAX_TOKENS.toLocaleString('en-US')} tokens`,
    'tokens a turn, mean of 10 turns',
    [
      { name: 'conversation, summaries included', colour: '#2f81f7', values: smooth(rows.map(spent)) },
      {
        name: 'the whole transcript each time',
        colour: '#d4620a',
        values: smooth(rows.map(({ wholeTokens }) => wholeTokens)),
      },
    ],
  ),
);
for (const [from, to] of [0, 0.1, 0.45, 0.9].map((start) => [start * TURNS, (start + 0.1) * TURNS] as const)) {
  const some = rows.slice(from, to);
  const mean = (of: (row: Row) => number) => round(some.reduce((sum, row) => sum + of(row), 0) / some.length);
  const line = `${mean(spent)} tokens with summaries, ${mean(({ wholeTokens }) => wholeTokens)} with all, ${mean(({ ms }) => ms)} ms`;
  console.log(`turns ${from + 1} to ${to}: ${line}`);
}
const total = (of: (row: Row) => number) => rows.reduce((sum, row) => sum + of(row), 0);
console.log(`in all: ${total(spent)} tokens, instead of ${total(({ wholeTokens }) => wholeTokens)}`);
process.exit(0);

function spent({ tokens, summaryTokens }: Row): number {
  return tokens + summaryTokens;
}

/** Means of the last 10 values: a summary is paid every dozen turns. */
function smooth(values: number[]): number[] {
  return values.map((_, index) => {
    const some = values.slice(Math.max(0, index - 9), index + 1);
    return some.reduce((sum, one) => sum + one, 0) / some.length;
  });
}

function csvLine({ turn, tokens, summaryTokens, wholeTokens }: Row): string {
  return [turn, tokens, summaryTokens, wholeTokens].join(',');
}
