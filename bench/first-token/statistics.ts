export interface Spread {
  median: number;
  p90: number;
}

/** @param samples ms */
export function spread(samples: number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
  return { median: at(0.5), p90: at(0.9) };
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
