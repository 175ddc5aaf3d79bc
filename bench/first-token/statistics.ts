export interface Spread {
  median: number;
  p90: number;
}

/** @param share 0..1 @returns NaN where nothing was measured */
export function quantile(samples: number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** @param samples ms */
export function spread(samples: number[]): Spread {
  return { median: quantile(samples, 0.5), p90: quantile(samples, 0.9) };
}

/** Median of the ratios pair by pair: holds when the machine's speed drifts. */
export function pairedRatio(ours: number[], theirs: number[]): number {
  return spread(ours.map((sample, index) => sample / theirs[index]!)).median;
}

export function table(rows: Record<string, string>[]): string {
  const columns = Object.keys(rows[0]!);
  const widths = columns.map((column) => Math.max(column.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`;
  return [
    line(columns),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map((row) => line(columns.map((column) => row[column]!))),
  ].join('\n');
}
