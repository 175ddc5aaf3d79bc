import { oneLine } from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { note, record } from '../run.ts';
import { stepId } from '../step-id.ts';
import { type Normalisation, voteOf } from './normalise.ts';

export interface VoteRequest extends Normalisation {
  step?: string;
  answers: Ballot[];
}

/** A text, or an answer as `generate` and `compare` give it. */
export type Ballot = string | { text: string; object?: unknown };

/** Answers that say the same. */
export interface Count {
  /** what they say, normalised */
  value: string;
  /** the first of them, as it was given */
  text: string;
  /** their numbers, from 1 */
  answers: number[];
}

export interface Tally {
  /** what most answers say; null where several are named equally often, or none can be counted */
  winner: Count | null;
  /** those that share first place, if there are several, in the order they were given */
  tied: Count[];
  /** most votes first; equal ones in the order they were given */
  counts: Count[];
  /** share of all answers (0..1) that say what the winner, or each of the tied, says */
  agreement: number;
  /** numbers of the answers without the field that was to be counted */
  spoiled: number[];
}

/**
 * Let answers vote: what most of them say wins. No model is asked.
 *
 *   answers --> normalise --> count --> winner | tie
 *
 * Over several answers of one model this is self-consistency (Wang et al. 2022, arXiv 2203.11171).
 * @throws InvalidRequest without answers
 */
export async function vote({ step = 'vote', answers, ...normalisation }: VoteRequest): Promise<Tally> {
  const id = stepId(step);
  if (answers.length === 0)
    throw failure({ type: 'InvalidRequest', message: 'There are no answers to count', step: id });
  const result = tally(answers, normalisation);
  const { winner, tied, agreement, spoiled } = result;
  await record([
    { type: 'step.started', key: `step.started:${id}`, step: id },
    {
      type: 'verdict',
      key: `verdict:${id}`,
      step: id,
      data: { verdict: { winner, tied, agreement, spoiled } },
    },
    { type: 'step.completed', key: `step.completed:${id}`, step: id },
  ]);
  const share = `${Math.round(agreement * answers.length)} of ${answers.length}`;
  note(winner ? `${id}: "${oneLine(winner.text, 60)}", ${share}` : `${id}: a tie of ${tied.length}, ${share} each`);
  return result;
}

/** Counts answers that say the same. */
export function tally(answers: Ballot[], normalisation: Normalisation = {}): Tally {
  const groups = new Map<string, Count>();
  const spoiled: number[] = [];
  answers.forEach((ballot, index) => {
    const answer = typeof ballot === 'string' ? { text: ballot } : ballot;
    const value = voteOf(answer, normalisation);
    if (value === undefined) {
      spoiled.push(index + 1);
      return;
    }
    const group = groups.get(value) ?? { value, text: answer.text, answers: [] };
    group.answers.push(index + 1);
    groups.set(value, group);
  });
  const counts = [...groups.values()].sort((a, b) => b.answers.length - a.answers.length);
  const most = counts[0]?.answers.length ?? 0;
  const leaders = counts.filter((count) => count.answers.length === most);
  return {
    winner: leaders.length === 1 ? leaders[0]! : null,
    tied: leaders.length > 1 ? leaders : [],
    counts,
    agreement: answers.length === 0 ? 0 : most / answers.length,
    spoiled,
  };
}
