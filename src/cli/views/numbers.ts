/** USD with as many digits as tell something. */
export function usd(amount: number | null | undefined): string {
  if (amount === undefined || amount === null) return 'price unknown';
  if (amount === 0) return '$0';
  return `$${amount.toFixed(amount >= 1 ? 2 : amount >= 0.01 ? 4 : 6)}`;
}

export function seconds(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** How long ago, in the largest unit that fits. */
export function ago(iso: string, now: number): string {
  const past = Math.max(0, now - Date.parse(iso)) / 1_000;
  if (past < 60) return `${Math.round(past)} s ago`;
  if (past < 3_600) return `${Math.round(past / 60)} min ago`;
  return past < 86_400 ? `${Math.round(past / 3_600)} h ago` : `${Math.round(past / 86_400)} d ago`;
}
