/**
 * Draws the Grafana dashboard of deploy/observability by asking a Prometheus what it asks, and says which panels have no data:
 * `node test/browser/screenshot-of-dashboard.ts http://127.0.0.1:9090 [minutes]`. Makes docs/images/dashboard.png.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, type Spec, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { openBrowser } from './open-browser.ts';

interface Panel {
  title: string;
  type: 'stat' | 'timeseries';
  gridPos: { h: number; w: number; x: number; y: number };
  fieldConfig: { defaults: { unit: string; custom?: { stacking: { mode: string } } } };
  targets: { expr: string; legendFormat: string }[];
}
interface Point {
  at: number;
  value: number;
  series: string;
}

const ROOT = path.resolve(import.meta.dirname, '../..');
const [prometheus = 'http://127.0.0.1:9090', minutes = '10'] = process.argv.slice(2);
/** px of a column and a row of the grid, which has 24 columns */
const COLUMN = 64;
const ROW = 34;
const UNITS: Record<string, string> = {
  s: '.2~s',
  percentunit: '.1%',
  currencyUSD: '$.2f',
  reqps: '.2~f',
  short: '.2~s',
};

const { panels } = JSON.parse(await readFile(path.join(ROOT, 'deploy/observability/dashboard.json'), 'utf8')) as {
  panels: Panel[];
};
const drawn = await Promise.all(panels.map(drawnPanel));
const height = Math.max(...panels.map(({ gridPos: { y, h } }) => (y + h) * ROW));
const html = `<style>body{margin:0;background:#f4f5f5;font:13px sans-serif;width:${24 * COLUMN}px;height:${height}px;position:relative}
  section{position:absolute;box-sizing:border-box;padding:4px}section>div{background:#fff;border:1px solid #ddd;height:100%;overflow:hidden}
  h2{font-size:13px;margin:6px 8px 2px}p{font-size:28px;margin:8px;text-align:center}</style>${drawn.join('')}`;
const browser = await openBrowser();
const page = await browser.newPage({ viewport: { width: 24 * COLUMN, height } });
await page.setContent(html);
await page.screenshot({ path: path.join(ROOT, 'docs/images/dashboard.png') });
await browser.close();

async function drawnPanel({ title, type, gridPos: { x, y, w, h }, fieldConfig, targets }: Panel): Promise<string> {
  const points = (await Promise.all(targets.map(pointsOf))).flat();
  if (points.length === 0) console.log(`No data: ${title}`);
  const { unit, custom } = fieldConfig.defaults;
  const isStacked = custom?.stacking.mode === 'normal';
  const place = `left:${x * COLUMN}px;top:${y * ROW}px;width:${w * COLUMN}px;height:${h * ROW}px`;
  const size = { width: w * COLUMN - 70, height: h * ROW - 120 };
  const inside = type === 'stat' ? stat(points, unit) : await chart(points, size, unit, isStacked);
  return `<section style="${place}"><div><h2>${title}</h2>${inside}</div></section>`;
}

function stat(points: Point[], unit: string): string {
  const last = points.at(-1)?.value ?? Number.NaN;
  const shown = { currencyUSD: `$${last.toFixed(2)}`, percentunit: `${(100 * last).toFixed(1)}%` }[unit];
  return `<p>${shown ?? Number(last.toFixed(2))}</p>`;
}

async function chart(values: Point[], size: { width: number; height: number }, unit: string, isStacked: boolean) {
  const spec: TopLevelSpec = {
    ...size,
    data: { values },
    mark: isStacked ? { type: 'area', opacity: 0.7 } : { type: 'line', strokeWidth: 1.5 },
    encoding: {
      x: { field: 'at', type: 'temporal', title: null, axis: { format: '%H:%M', tickCount: 5 } },
      y: { field: 'value', type: 'quantitative', title: null, axis: { format: UNITS[unit] ?? '.2~s', tickCount: 4 } },
      color: {
        field: 'series',
        type: 'nominal',
        legend: { orient: 'bottom', columns: 2, title: null, labelLimit: 260 },
      },
    },
  };
  return new View(parse(compile(spec).spec as Spec), { renderer: 'none' }).toSVG();
}

async function pointsOf({ expr, legendFormat }: Panel['targets'][number]): Promise<Point[]> {
  const end = Date.now() / 1_000;
  const query = expr.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.*');
  const asked = new URLSearchParams({ query, start: String(end - Number(minutes) * 60), end: String(end), step: '10' });
  const answer = await fetch(`${prometheus}/api/v1/query_range?${asked}`);
  const { data, error } = (await answer.json()) as {
    data?: { result: { metric: Record<string, string>; values: [number, string][] }[] };
    error?: string;
  };
  if (!data) throw new Error(`${expr}: ${error}`);
  return data.result.flatMap(({ metric, values }) => {
    const series = legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, label) => metric[label] ?? '');
    return values
      .map(([at, value]) => ({ at: at * 1_000, value: Number(value), series }))
      .filter(({ value }) => Number.isFinite(value));
  });
}
