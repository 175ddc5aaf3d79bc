import type { Evaluation } from './evaluate.ts';

/** The cost-quality curve of an evaluation as SVG. Loads a charting library, so only who draws pays for it. */
export async function drawChart(evaluation: Evaluation): Promise<string> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const { spec } = compile(chartSpec(evaluation) as Parameters<typeof compile>[0]);
  return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG();
}

interface Mark {
  series: string;
  usd: number;
  quality: number;
  order?: number;
}

/** USD for a thousand prompts against mean score: a line for each router's thresholds, a mark where it is configured,
 *  squares for models alone, dashes for a random choice between weak and strong. */
function chartSpec(evaluation: Evaluation): object {
  const { weak, strong, alone, routers, records } = evaluation;
  const mark = (series: string, { costUsd, quality }: { costUsd: number; quality: number }): Mark => ({
    series,
    usd: costUsd * 1_000,
    quality,
  });
  const curves = routers.flatMap(({ name, curve }) =>
    curve.length < 2 ? [] : curve.map((point, order) => ({ ...mark(name, point), order })),
  );
  const x = { field: 'usd', type: 'quantitative', title: 'USD for 1,000 prompts', scale: { zero: true } };
  const y = { field: 'quality', type: 'quantitative', title: 'Quality (mean score)', scale: { zero: false } };
  const color = { field: 'series', type: 'nominal', title: 'Router', sort: routers.map(({ name }) => name) };
  const baselines = Object.entries(alone).map(([label, point]) => mark(`always ${label}`, point));
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: { text: 'Quality against cost', subtitle: `${records} prompts, between ${weak} and ${strong}` },
    width: 640,
    height: 400,
    background: 'white',
    layer: [
      {
        data: { values: [mark('random', alone[weak]!), mark('random', alone[strong]!)] },
        mark: { type: 'line', strokeDash: [5, 4], color: '#999999' },
        encoding: { x, y },
      },
      {
        data: { values: curves },
        mark: { type: 'line', opacity: 0.5 },
        encoding: { x, y, color, order: { field: 'order', type: 'quantitative' } },
      },
      {
        data: { values: routers.map(({ name, point }) => mark(name, point)) },
        mark: { type: 'point', size: 140, strokeWidth: 2.5, opacity: 1 },
        encoding: { x, y, color, shape: color },
      },
      {
        data: { values: baselines },
        layer: [
          { mark: { type: 'square', color: '#333333', size: 80, opacity: 1 }, encoding: { x, y } },
          { mark: { type: 'text', dy: 16, fontSize: 11 }, encoding: { x, y, text: { field: 'series' } } },
        ],
      },
    ],
  };
}
