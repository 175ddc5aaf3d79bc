import { type Signal, useComputed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { Bill } from '../../contract/index.ts';
import { type Polled, usePolled } from '../parts/polled.ts';
import { isWhole } from './cost.ts';
import { hasEnded, type RunView } from './run-view.ts';

/** Between two looks, ms: attempts that fail one after the other are looked up together. */
const GAP_MS = 1_000;
/** After the end of a run that was cut, ms before each further look. */
const LATE_MS = [1_500, 3_000, 6_000];

/** The bill of a run: asked for when something may have cost what no event tells. */
export function useBill(id: string, view: Signal<RunView>): Signal<Bill | undefined> {
  const untoldAt = useComputed(() => view.value.untoldAt).value;
  const path = untoldAt === 0 ? undefined : `/v1/runs/${encodeURIComponent(id)}/bill`;
  const bill = usePolled<Bill>(path, undefined, { with: untoldAt, gapMs: GAP_MS });
  useLateLines(bill, view);
  return bill.value;
}

/** A run that is cancelled may end before its calls have: its bill is looked at again, and until what was cut is on it. */
export function useLateLines({ value, refresh }: Polled<Bill>, view: Signal<RunView>): void {
  const looks = useRef(0);
  const state = useComputed(() => view.value.state).value;
  useEffect(() => {
    const waitMs = LATE_MS[looks.current];
    if (!value.value || waitMs === undefined || !hasEnded(view.value)) return;
    if (isWhole(view.value, value.value) && (looks.current > 0 || state !== 'cancelled')) return;
    const timer = setTimeout(() => {
      looks.current += 1;
      void refresh();
    }, waitMs);
    return () => clearTimeout(timer);
  }, [value.value, state]);
}
