/** USD as people read small sums: `$0.0031`, `$1.20`; null, not known: a dash. */
export function usd(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (value === 0) return '$0';
  const digits = value >= 1 ? 2 : Math.min(8, Math.max(2, 2 - Math.ceil(Math.log10(value))));
  return `$${value.toFixed(digits)}`;
}

/** `840 ms`, `3.2 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const units: [number, string][] = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
    [1, 's'],
  ];
  const at = units.findIndex(([size]) => seconds >= size);
  const [[size, name], rest] = [units[at]!, units[at + 1]];
  const smaller = rest ? Math.floor((seconds % size) / rest[0]) : 0;
  return `${Math.floor(seconds / size)} ${name}${smaller > 0 ? ` ${smaller} ${rest![1]}` : ''}`;
}

/** `1,234`, `45.2k`, `3.1M` */
export function count(value: number): string {
  if (value < 10_000) return Math.round(value).toLocaleString('en');
  return value < 1_000_000 ? `${(value / 1_000).toFixed(1)}k` : `${(value / 1_000_000).toFixed(1)}M`;
}

/** `just now`, `5 min ago`, `3 h ago`, else the day. */
export function ago(iso: string, now = Date.now()): string {
  const minutes = Math.floor((now - Date.parse(iso)) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ago`;
  return new Date(iso).toLocaleDateString('en', { day: 'numeric', month: 'short' });
}
