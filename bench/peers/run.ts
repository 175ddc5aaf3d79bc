/**
 * Cadenza beside its field, in one run on this machine: the same three-step chain and the same stream, the same provider, one
 * PostgreSQL, one Temporal. Contenders take turns in every round, so that a drift of the machine meets all of them.
 *
 *   npm --prefix bench/peers ci && npm --prefix bench/peers start
 *   npm --prefix bench/peers start -- [--rounds 3] [--only cadenza,dbos] [--json]
 *   npm --prefix bench/peers start -- --crash     what each keeps when its worker is killed in step 2
 */
import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { parseArgs } from 'node:util';
import { table } from '../first-token/statistics.ts';
import { openBed } from './bed.ts';
import { CONTENDERS, type Entry } from './contender.ts';
import { crash } from './crash.ts';
import { race } from './race.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
    crash: { type: 'boolean' },
    json: { type: 'boolean' },
  },
});
const wanted = values.only.toLowerCase().split(',');
const contenders = CONTENDERS.filter(({ name }) => wanted.some((word) => name.toLowerCase().includes(word)));

const bed = await openBed();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void bed.stop().finally(() => process.exit(1)));
try {
  const { rows, notes } = values.crash
    ? await crash(bed, contenders)
    : await race(bed, contenders, Number(values.rounds));
  if (values.json) console.log(JSON.stringify({ rows, notes }));
  else console.log(['', table(rows), '', ...contenders.map(versions), ...notes].join('\n'));
} finally {
  await bed.stop();
}

function versions({ name, packages }: Entry): string {
  const found = packages.map((name) => {
    const { version } = JSON.parse(readFileSync(findPackageJSON(name, import.meta.url)!, 'utf8'));
    return `${name} ${version}`;
  });
  return `${name}: ${found.join(', ') || 'this project'}`;
}
