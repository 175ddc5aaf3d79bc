import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { duration, usd } from '../parts/figures.ts';
import { Icon } from '../parts/icon.tsx';
import { useWidth } from '../parts/use-width.ts';
import { useShortcuts } from '../shell/shortcuts.tsx';
import { type Span, type Stretch, ticksOf, timeScale, xOf } from './time-scale.ts';
import { type Bar, busySpans, type Row } from './waterfall-rows.ts';

/** Height of a line; where there is little room, its bars stand below its name. */
const [ROW_PX, NARROW_ROW_PX] = [30, 46];
const NARROW_PX = 560;
/** Room a time on the axis takes, px. */
const TICK_PX = 88;
/** Lines above and below what is seen that are drawn too. */
const BEYOND = 12;
const MOST_SEEN_PX = 540;

const LEGEND = [
  ['silent', 'until the first token'],
  ['call', 'words'],
  ['failed', 'failed'],
  ['wait', 'waiting'],
  ['tool', 'tool'],
  ['approval', 'a person'],
  ['cached', 'there already'],
  ['abandoned', 'left for a quicker one'],
  ['run', 'another run'],
] as const;

interface WaterfallProps {
  rows: readonly Row[];
  whole: Span;
  /** key of the row whose details are shown */
  chosen?: string;
  onChoose(row: Row): void;
}

/**
 * What a run did, line by line over time. Only the lines that are seen are drawn. Arrows go from line to line, Enter shows
 * one's details, z looks closer at it and 0 at the whole again.
 */
export function Waterfall({ rows, whole, chosen, onChoose }: WaterfallProps) {
  const isFolded = useSignal(true);
  const closer = useSignal<Span | undefined>(undefined);
  const scroller = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const width = useWidth(scroller);
  const isNarrow = width < NARROW_PX;
  const rowPx = isNarrow ? NARROW_ROW_PX : ROW_PX;
  const focused = useSignal<string | undefined>(undefined);
  const span = closer.value ?? whole;
  const busy = useMemo(() => busySpans(rows), [rows]);
  const scale = useMemo(() => timeScale(span, busy, isFolded.value), [span.from, span.to, busy, isFolded.value]);
  const kinds = useMemo(() => new Set<string>(rows.flatMap(({ bars }) => bars.map(({ kind }) => kind))), [rows]);
  const hasGaps = scale.some(({ isGap }) => isGap);
  const at = Math.max(
    0,
    rows.findIndex(({ key }) => key === (focused.value ?? chosen)),
  );

  const focusRow = (index: number) => {
    const next = rows[Math.min(rows.length - 1, Math.max(0, index))];
    const box = scroller.current;
    if (!next || !box) return;
    focused.value = next.key;
    const y = rows.indexOf(next) * rowPx;
    if (y < box.scrollTop) box.scrollTop = y;
    else if (y + rowPx > box.scrollTop + box.clientHeight) box.scrollTop = y + rowPx - box.clientHeight;
    top.value = box.scrollTop;
    requestAnimationFrame(() => box.querySelector<HTMLElement>(`[data-row="${rows.indexOf(next)}"]`)?.focus());
  };
  const zoomTo = (row: Row | undefined) => {
    if (!row) return;
    const from = row.startedAt;
    const to = row.endedAt ?? whole.to;
    const margin = Math.max(10, (to - from) * 0.08);
    closer.value = { from: Math.max(whole.from, from - margin), to: Math.min(whole.to, to + margin) };
  };
  const showAll = () => {
    closer.value = undefined;
  };
  useShortcuts(
    [
      { keys: 'z', does: 'Look closer at a line of the waterfall', act: () => zoomTo(rows[at]) },
      { keys: '0', does: 'Show the whole run again', act: showAll },
    ],
    [rows, at],
  );
  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.floor(MOST_SEEN_PX / rowPx);
    const to = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    focusRow(to);
  };
  // While a run goes on, whoever looks at its end stays there.
  const wasAtEnd = useRef(true);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (box && wasAtEnd.current && rows.length * rowPx > box.clientHeight) box.scrollTop = box.scrollHeight;
  }, [rows.length]);
  useEffect(() => {
    wasAtEnd.current = rows.some(({ state }) => state === 'running');
  }, []);

  const first = Math.max(0, Math.floor(top.value / rowPx) - BEYOND);
  const last = Math.min(rows.length, Math.ceil((top.value + MOST_SEEN_PX) / rowPx) + BEYOND);
  return (
    <div class={isNarrow ? 'waterfall narrow panel' : 'waterfall panel'}>
      <div class="waterfall-tools">
        <ul class="legend" aria-label="What the bars mean">
          {LEGEND.filter(([kind]) => kinds.has(kind)).map(([kind, says]) => (
            <li key={kind}>
              <span class={`swatch beam-${kind}`} aria-hidden="true" />
              {says}
            </li>
          ))}
        </ul>
        <div class="waterfall-zoom">
          {(hasGaps || !isFolded.value) && (
            <button
              type="button"
              class="button quiet small"
              aria-pressed={!isFolded.value}
              onClick={() => {
                isFolded.value = !isFolded.value;
              }}
            >
              True to scale
            </button>
          )}
          <button type="button" class="button quiet small" onClick={() => zoomTo(rows[at])} title="z">
            <Icon name="search" /> Zoom
          </button>
          {closer.value && (
            <button type="button" class="button small" onClick={showAll} title="0">
              Whole run
            </button>
          )}
        </div>
      </div>
      <div class="waterfall-grid">
        <div class="waterfall-head" aria-hidden="true">
          <span class="quiet small">{rows.length === 1 ? '1 line' : `${rows.length.toLocaleString('en')} lines`}</span>
          <Axis
            scale={scale}
            start={whole.from}
            most={Math.max(2, Math.floor((isNarrow ? width : width * 0.6) / TICK_PX))}
          />
        </div>
        {/* biome-ignore lint/a11y: the lines within are buttons, and these keys go among them */}
        <div
          ref={scroller}
          class="waterfall-rows"
          role="group"
          aria-label="Steps and calls over time"
          onScroll={({ currentTarget }) => {
            top.value = currentTarget.scrollTop;
            wasAtEnd.current =
              currentTarget.scrollHeight - currentTarget.scrollTop - currentTarget.clientHeight < rowPx;
          }}
          onKeyDown={onKeyDown}
        >
          <div class="waterfall-all" style={{ height: `${rows.length * rowPx}px` }}>
            {rows.slice(first, last).map((row, index) => {
              const place = first + index;
              return (
                <Line
                  key={row.key}
                  row={row}
                  place={place}
                  top={place * rowPx}
                  of={rows.length}
                  scale={scale}
                  span={span}
                  isChosen={row.key === chosen}
                  isFirst={place === at}
                  onChoose={() => {
                    focused.value = row.key;
                    onChoose(row);
                  }}
                />
              );
            })}
          </div>
        </div>
      </div>
    </div>
  );
}

function Axis({ scale, start, most }: { scale: readonly Stretch[]; start: number; most: number }) {
  const offset = scale[0]!.from - start;
  return (
    <div class="axis">
      {scale
        .filter(({ isGap }) => isGap)
        .map(({ x0, x1, from, to }) => (
          <span
            key={x0}
            class="axis-gap"
            style={{ left: percent(x0), width: percent(x1 - x0) }}
            title={`${duration(to - from)} in which nothing was done`}
          >
            {most > 6 ? shortDuration(to - from) : '…'}
          </span>
        ))}
      {ticksOf(scale, most).map(({ x, atMs }) => (
        <span key={atMs} class="tick" style={{ left: percent(x) }}>
          {atMs + offset === 0 ? '0' : duration(atMs + offset)}
        </span>
      ))}
    </div>
  );
}

interface LineProps {
  row: Row;
  place: number;
  /** px */
  top: number;
  of: number;
  scale: readonly Stretch[];
  span: Span;
  isChosen: boolean;
  isFirst: boolean;
  onChoose(): void;
}

function Line({ row, place, top, of, scale, span, isChosen, isFirst, onChoose }: LineProps) {
  const { name, about, depth, state, bars, startedAt, endedAt, costUsd } = row;
  const seen = bars.filter(({ from, to }) => to >= span.from && from <= span.to);
  const took = endedAt === undefined ? undefined : duration(endedAt - startedAt);
  const cost = costUsd === undefined || costUsd === 0 ? undefined : usd(costUsd);
  return (
    <button
      type="button"
      class={`waterfall-row is-${state}`}
      data-row={place}
      style={{ top: `${top}px` }}
      tabIndex={isFirst ? 0 : -1}
      aria-pressed={isChosen}
      onClick={onChoose}
    >
      <span class={`row-name depth-${depth}`}>
        <span class={`row-mark is-${state}`} aria-hidden="true" />
        <span class="row-step">{name}</span>
        {about !== undefined && <span class="row-about">{about}</span>}
      </span>
      <span class="row-bars" aria-hidden="true">
        {seen.map((one) => (
          <BarPiece key={`${one.kind} ${one.from}`} bar={one} scale={scale} />
        ))}
      </span>
      <span class="row-figures figures">
        {took}
        {cost !== undefined && <span class="row-cost">{cost}</span>}
        <span class="unseen">
          {row.says}. Line {place + 1} of {of}
        </span>
      </span>
    </button>
  );
}

function BarPiece({ bar, scale }: { bar: Bar; scale: readonly Stretch[] }) {
  const [x0, x1] = [xOf(scale, bar.from), xOf(scale, bar.to)];
  return (
    <span
      class={`beam beam-${bar.kind}${bar.isOpen ? ' open' : ''}`}
      style={{ left: percent(x0), width: percent(x1 - x0) }}
      title={`${bar.says}, ${duration(bar.to - bar.from)}`}
    />
  );
}

/** The larger unit alone: `3 d`. */
function shortDuration(ms: number): string {
  return duration(ms).split(' ').slice(0, 2).join(' ');
}

function percent(part: number): string {
  return `${(part * 100).toFixed(3)}%`;
}
