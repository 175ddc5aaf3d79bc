import { Presets, SingleBar } from 'cli-progress';
import type { IngestProgress, MapProgress } from '../../contract/index.ts';
import { count, seconds, usd } from './numbers.ts';

export interface ProgressBar {
  show(progress: MapProgress | IngestProgress): void;
  stop(): void;
}

/** ms between two lines, where there is no terminal to draw a bar on */
const LINE_EVERY_MS = 5_000;

/** A bar on stderr, from the first progress on. @param of what is counted */
export function drawProgress(of: 'rows' | 'documents' = 'rows'): ProgressBar {
  const bar = new SingleBar(
    {
      format: `{bar} {percentage}% · {value} of {total} ${of}{notes}`,
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
      const isIngest = 'skipped' in progress;
      const ended = progress.done + progress.failed + (isIngest ? progress.skipped : 0);
      const notes = { notes: isIngest ? notesOfIngest(progress) : notesOf(progress) };
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

function notesOfIngest({ chunks, skipped, failed, costUsd }: IngestProgress): string {
  const notes = [
    `${count(chunks)} chunks`,
    ...(skipped > 0 ? [`${count(skipped)} as they were`] : []),
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    usd(costUsd),
  ];
  return notes.map((note) => ` · ${note}`).join('');
}
