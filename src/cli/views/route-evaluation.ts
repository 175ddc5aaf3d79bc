import type { Evaluation, RouterResult } from '../../evaluation/routing/index.ts';
import { table } from './table.ts';

const COLUMNS = [
  { head: 'ROUTE' },
  ...['QUALITY', 'USD/1000', 'STRONG', 'PGR', 'APGR', 'CPT(50%)', 'CPT(80%)', 'SAVED', 'VS RANDOM'].map((head) => ({
    head,
    align: 'right' as const,
  })),
];

/** Quality against cost, a line for each router. */
export function evaluationTable({ alone, routers, weak, strong }: Evaluation): string {
  const baselines = Object.entries(alone).map(([label, { quality, costUsd, strongShare }]) => {
    const role = label === weak ? ' (weak)' : label === strong ? ' (strong)' : '';
    return [`always ${label}${role}`, fixed(quality), usd(costUsd), percent(strongShare), '', '', '', '', '', ''];
  });
  const lines = routers.map(({ name, point, pgr, apgr, cpt50, cpt80, saving }) => [
    name,
    fixed(point.quality),
    usd(point.costUsd),
    percent(point.strongShare),
    ...[pgr, apgr].map(fixed),
    ...[cpt50, cpt80, saving.againstStrong, saving.againstRandom].map(percent),
  ]);
  return table(COLUMNS, [...baselines, ...lines]);
}

/** What it comes to, in words: of the router that saves most at the strong model's quality, else at its own. */
export function savingLines({ routers, strong, alone }: Evaluation): string[] {
  const strongQuality = alone[strong]!.quality;
  return routers.map((router) => {
    const { name, point, saving } = router;
    const share = strongQuality === 0 ? undefined : point.quality / strongQuality;
    const here = `${name}: ${inWords(saving.againstStrong)} than ${strong} alone, at ${percent(share)} of its quality`;
    return `${here}${atEqualQuality(router, strong)}.`;
  });
}

function atEqualQuality({ saving, point }: RouterResult, strong: string): string {
  const { atStrongQuality, againstRandom } = saving;
  const full = atStrongQuality > 0.0005 ? `; at the quality of ${strong}, ${inWords(atStrongQuality)}` : '';
  if (againstRandom === undefined) return `${full}; no random choice is as good (${fixed(point.quality)})`;
  return `${full}; than a random choice of equal quality, ${inWords(againstRandom)}`;
}

function inWords(saving: number): string {
  return saving >= 0 ? `${percent(saving)} cheaper` : `${percent(-saving)} dearer`;
}

function fixed(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(3);
}

function percent(share: number | undefined): string {
  return share === undefined ? '–' : `${(share * 100).toFixed(1)} %`;
}

function usd(costUsd: number): string {
  return `$${(costUsd * 1_000).toFixed(3)}`;
}
