import { Presets, SingleBar } from 'cli-progress';
import type { MapProgress } from '../../contract/index.ts';
import { seconds, usd } from './numbers.ts';

export interface ProgressBar {
  show(progress: MapProgress): void;
  stop(): void;
}

/** ms between two lines, where there is no terminal to draw a bar on */
const LINE_EVERY_MS = 5_000;

/** A bar on stderr, from the first progress on. */
export function drawProgress(): ProgressBar {
  const bar = new SingleBar(
    {
      format: '{bar} {percentage}% · {value} of {total} rows{notes}',
      stream: process.stderr,
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: LINE_EVERY_MS,
      etaBuffer: 1,
    },
    Presets.shades_classic,
  );
  return {
    show(progress) {
      const ended = progress.done + progress.failed;
      const notes = { notes: notesOf(progress) };
      if (bar.isActive) bar.update(ended, notes);
      else bar.start(progress.total, ended, notes);
    },
    stop: () => bar.stop(),
  };
}

/** What is said beside the bar. */
export function notesOf({ failed, costUsd, secondsLeft, usdLeft }: MapProgress): string {
  const left =
    secondsLeft === null
      ? []
      : [
          secondsLeft < 60 ? `${secondsLeft} s` : seconds(secondsLeft * 1_000),
          ...(usdLeft === null ? [] : [usd(usdLeft)]),
        ];
  const notes = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    usd(costUsd),
    ...(secondsLeft === 0 || left.length === 0 ? [] : [`about ${left.join(' and ')} left`]),
  ];
  return notes.map((note) => ` · ${note}`).join('');
}
