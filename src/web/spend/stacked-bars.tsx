import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { usd } from '../parts/figures.ts';
import { useWidth } from '../parts/use-width.ts';
import { shortDay } from './days.ts';
import { type Series, yTicks } from './stacks.ts';

const [HEIGHT, LEFT, BOTTOM, TOP] = [240, 52, 24, 10];
/** Room for a day's name, px. */
const LABEL_PX = 64;

interface StackedBarsProps {
  days: readonly string[];
  series: readonly Series[];
  /** id of what says the same in words */
  describedBy: string;
}

/** USD a day as stacked bars; the day under the pointer, or the one the arrows have come to, is told beside it. */
export function StackedBars({ days, series, describedBy }: StackedBarsProps) {
  const at = useSignal<number | undefined>(undefined);
  const box = useRef<HTMLDivElement>(null);
  const wide = useWidth(box);
  const totals = days.map((_, n) => series.reduce((sum, { usd: costs }) => sum + costs[n]!, 0));
  const ticks = yTicks(Math.max(...totals, 0));
  const most = ticks.at(-1)!;
  const [inner, high] = [wide - LEFT, HEIGHT - BOTTOM - TOP];
  const step = inner / days.length;
  const width = Math.max(1, Math.min(36, step * 0.72));
  const y = (value: number) => TOP + high - (value / most) * high;
  const labels = Math.ceil((days.length * LABEL_PX) / inner);
  const chosen = at.value;
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    at.value = Math.min(days.length - 1, Math.max(0, (at.value ?? (by > 0 ? -1 : days.length)) + by));
  };
  return (
    <figure class="chart">
      <div
        ref={box}
        role="slider"
        tabIndex={0}
        aria-label="Cost a day"
        aria-describedby={describedBy}
        aria-valuemin={1}
        aria-valuemax={days.length}
        aria-valuenow={(chosen ?? days.length - 1) + 1}
        aria-valuetext={
          chosen === undefined ? 'Arrows go from day to day' : saidOf(days[chosen]!, chosen, series, totals)
        }
        onKeyDown={onKeyDown}
        onPointerMove={({ currentTarget, clientX }) => {
          const n = Math.floor((clientX - currentTarget.getBoundingClientRect().left - LEFT) / step);
          at.value = n >= 0 && n < days.length ? n : undefined;
        }}
        onPointerLeave={() => {
          at.value = undefined;
        }}
        onBlur={() => {
          at.value = undefined;
        }}
      >
        <svg viewBox={`0 0 ${wide} ${HEIGHT}`} aria-hidden="true">
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="chart-line" x1={LEFT} x2={wide} y1={y(tick)} y2={y(tick)} />
              <text class="chart-text" x={LEFT - 8} y={y(tick) + 4} text-anchor="end">
                {usd(tick)}
              </text>
            </g>
          ))}
          {days.map((day, n) => {
            const x = LEFT + n * step;
            let under = 0;
            return (
              <g key={day}>
                {n === chosen && <rect class="chart-chosen" x={x} y={TOP} width={step} height={high} />}
                {series.map(({ name, usd: costs, voice }) => {
                  const cost = costs[n]!;
                  const top = y(under + cost);
                  const height = y(under) - top;
                  under += cost;
                  return (
                    cost > 0 && (
                      <rect
                        key={name}
                        class={`paint-${voice}`}
                        x={x + (step - width) / 2}
                        y={top}
                        width={width}
                        height={Math.max(0.75, height)}
                      />
                    )
                  );
                })}
                {n % labels === 0 && (
                  <text class="chart-text" x={x + step / 2} y={HEIGHT - 6} text-anchor="middle">
                    {shortDay(day)}
                  </text>
                )}
              </g>
            );
          })}
        </svg>
      </div>
      <figcaption class="chart-told figures" aria-hidden="true">
        {chosen === undefined ? (
          <ul class="legend">
            {series.map(({ name, voice }) => (
              <li key={name}>
                <span class={`swatch paint-${voice}`} />
                {name}
              </li>
            ))}
          </ul>
        ) : (
          <ul class="legend">
            <li>
              <strong>{shortDay(days[chosen]!)}</strong> {usd(totals[chosen])}
            </li>
            {series
              .filter(({ usd: costs }) => costs[chosen]! > 0)
              .map(({ name, usd: costs, voice }) => (
                <li key={name}>
                  <span class={`swatch paint-${voice}`} />
                  {name} {usd(costs[chosen])}
                </li>
              ))}
          </ul>
        )}
      </figcaption>
    </figure>
  );
}

function saidOf(day: string, n: number, series: readonly Series[], totals: readonly number[]): string {
  const parts = series
    .filter(({ usd: costs }) => costs[n]! > 0)
    .map(({ name, usd: costs }) => `${name} ${usd(costs[n])}`);
  return [`${shortDay(day)}: ${usd(totals[n])}`, ...parts].join(', ');
}
