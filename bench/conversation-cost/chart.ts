/** A line of a chart: one value a turn. */
export interface Line {
  name: string;
  colour: string;
  values: number[];
}

const [WIDTH, HEIGHT] = [760, 380];
const PLOT = { left: 70, top: 50, right: 20, bottom: 50 };

/** Draws lines over turns as SVG, readable on light and dark. @param yLabel what the values are */
export function chart(title: string, yLabel: string, lines: Line[]): string {
  const turns = Math.max(...lines.map(({ values }) => values.length));
  const top = niceCeiling(Math.max(...lines.flatMap(({ values }) => values)));
  const x = (turn: number) => PLOT.left + (turn / turns) * (WIDTH - PLOT.left - PLOT.right);
  const y = (value: number) => HEIGHT - PLOT.bottom - (value / top) * (HEIGHT - PLOT.top - PLOT.bottom);
  const ticks = [0, 0.25, 0.5, 0.75, 1];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12" fill="#808080">`,
    `<title>${title}</title>`,
    `<text x="${PLOT.left}" y="20" font-size="15">${title}</text>`,
    ...ticks.map((tick) => {
      const at = y(tick * top).toFixed(1);
      const label = (tick * top).toLocaleString('en-US');
      return `<path d="M${PLOT.left} ${at}H${WIDTH - PLOT.right}" stroke="#808080" stroke-opacity=".3"/><text x="${PLOT.left - 8}" y="${at}" text-anchor="end" dominant-baseline="middle">${label}</text>`;
    }),
    ...ticks.map(
      (tick) =>
        `<text x="${x(tick * turns).toFixed(1)}" y="${HEIGHT - PLOT.bottom + 20}" text-anchor="middle">${Math.round(tick * turns)}</text>`,
    ),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 10}" text-anchor="middle">turn</text>`,
    `<text transform="translate(14 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">${yLabel}</text>`,
    ...lines.map(({ colour, values }) => {
      const points = values.map((value, turn) => `${x(turn + 1).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
      return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
    }),
    ...lines.map(
      ({ name, colour }, index) => `<text x="${PLOT.left + 12 + index * 320}" y="40" fill="${colour}">${name}</text>`,
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** The next 1, 2, 4 or 8 times a power of ten. */
function niceCeiling(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 8, 10].map((times) => times * unit).find((nice) => nice >= value)!;
}
