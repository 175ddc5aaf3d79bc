/** A range of whole days, both included, as `2026-11-29`. */
export interface Days {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;

/** The day it is now in the person's time zone. */
export function today(now: number): string {
  const date = new Date(now);
  const two = (n: number) => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** So many days up to and with the last. */
export function lastDays(count: number, to: string): Days {
  return { from: dayOf(msOf(to) - (count - 1) * DAY_MS), to };
}

export function monthOf(day: string): Days {
  return { from: `${day.slice(0, 7)}-01`, to: day };
}

/** Every day of the range in order; at most so many, the newest. */
export function daysIn({ from, to }: Days, most = 400): string[] {
  const count = Math.min(most, Math.max(1, Math.round((msOf(to) - msOf(from)) / DAY_MS) + 1));
  return Array.from({ length: count }, (_, n) => dayOf(msOf(to) - (count - 1 - n) * DAY_MS));
}

/** `29 Nov`, and of a first of January its year. */
export function shortDay(day: string): string {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString('en', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}

function msOf(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
