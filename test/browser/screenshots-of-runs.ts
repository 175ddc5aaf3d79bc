import pg from 'pg';
import type { Page } from 'playwright-core';
import { fillDatabase } from '../setup/fill-database.ts';
import { untilEvent } from '../setup/until.ts';
import type { PageBed, Said } from './page-bed.ts';

const TRIP = 'Find a morning train from Basel to Milan and book two seats.';
const LATE = 'Why is the sky dark at night?';
const DARK = `Because the universe has a beginning. Light has only had **13.8 billion years** to reach us, so most stars are too far away to be seen yet.

1. In an endless, eternal universe every line of sight would end on a star.
2. Ours is neither: what lies beyond the horizon has not reached us.
3. What did is stretched into the infrared: the *cosmic background*.`;

let busy = 0;

/** What models say in the runs of these pictures; undefined for the others. */
export function saidInRuns(model: string, question: string, isAfterTool: boolean): Said | undefined {
  if (question.includes(LATE)) {
    if (model === 'alto') return { words: [], status: 404 };
    busy += 1;
    return busy <= 2 ? { words: [], status: 503 } : { words: DARK.split(/(?<= )/), paceMs: 25 };
  }
  if (!question.includes(TRIP)) return undefined;
  const name = isAfterTool ? 'book_train' : 'timetable';
  const seats = isAfterTool ? { seats: 2 } : {};
  return { words: [], tool: { name, arguments: { from: 'Basel SBB', to: 'Milano Centrale', ...seats } } };
}

type Picture = (
  name: string,
  at: string,
  isPhone: boolean,
  colorScheme: 'light' | 'dark',
  ready: string,
  act?: (page: Page) => Promise<void>,
) => Promise<void>;

/** Pictures of the pages Runs, Run, Inbox and Spend. */
export async function runPictures(bed: PageBed, picture: Picture): Promise<void> {
  await fillMonth(bed.env.CADENZA_DATABASE_URL!);
  const { cadenza } = bed;
  const start = (pattern: string, input: object, id: string, tenant: string) =>
    cadenza.startUnchecked(pattern, input, { id, tenant });
  const policy = { candidates: ['demo/alto', 'demo/tenor'], cache: false };
  await start('ask', { prompt: LATE, policy }, 'dark-sky', 'research');
  await start('agent', { task: TRIP, tools: ['timetable', 'book_train'] }, 'trip-to-milan', 'shop');
  await untilEvent(cadenza, 'trip-to-milan', 'approval.requested');
  await cadenza.result('dark-sky');
  const opened = async (page: Page) => {
    await page.locator('.waterfall-row').last().click();
    await page.locator('.attempts').waitFor();
  };
  const run = '/runs/dark-sky';
  await picture('runs-light', '/runs', false, 'light', '.run-table');
  await picture('runs-phone', '/runs', true, 'dark', '.run-table');
  await picture('run-light', run, false, 'light', '.said-panel', opened);
  await picture('run-dark', run, false, 'dark', '.said-panel', opened);
  await picture('run-phone', '/runs/trip-to-milan', true, 'light', '.waterfall-row');
  await picture('inbox-light', '/inbox', false, 'light', '.approval');
  await picture('inbox-phone', '/inbox', true, 'dark', '.approval');
  await picture('spend-light', '/spend', false, 'light', '.chart .paint-1');
  await picture('spend-dark', '/spend?by=tenant', false, 'dark', '.chart .paint-1');
  await picture('spend-phone', '/spend', true, 'light', '.chart .paint-1');
}

/** A month of runs, told apart by hashes of their ids. */
async function fillMonth(url: string): Promise<void> {
  await fillDatabase(url, { runs: 400, days: 33, deltas: 1 });
  const one = (list: string[], of: string) =>
    `(array['${list.join("','")}'])[1 + abs(hashtext(${of})) % ${list.length}]`;
  const filled = `chain like '00000000-%'`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of [
    `update ledger set tenant = ${one(['shop', 'shop', 'press', 'research'], 'chain')},
       key_name = ${one(['web', 'nightly'], `chain || 'k'`)},
       model = ${one(['demo/alto', 'demo/alto', 'demo/tenor', 'demo/bass'], 'key')},
       input_tokens = 900, output_tokens = 350, cost_usd = 0.004 + abs(hashtext(key)) % 1000 / 50000.0 where ${filled}`,
    `update ledger set cached = true, saved_usd = cost_usd, cost_usd = 0 where ${filled} and abs(hashtext(key || 'c')) % 9 = 0`,
    `update ledger set cached_input_tokens = 600, saved_usd = 0.0008
       where ${filled} and not cached and abs(hashtext(key || 'p')) % 3 = 0`,
    `update runs set tenant = ${one(['shop', 'shop', 'press', 'research'], 'chain')}, models = '{demo/alto,demo/tenor}',
       id = ${one(['letter', 'summary', 'reply', 'digest'], 'chain')} || '-' || substr(md5(chain), 1, 6) where ${filled}`,
    `insert into accounts (id, budget_usd, spent_usd) select 'tenant:' || tenant, null, sum(cost_usd) from ledger
       where ${filled} group by tenant on conflict (id) do update set spent_usd = accounts.spent_usd + excluded.spent_usd`,
  ])
    await client.query(statement);
  await client.end();
}
