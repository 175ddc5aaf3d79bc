import type { Answer, JudgeMode, PolicyRef, Rubric, Verdict } from '../../contract/index.ts';
import { failure } from '../failures.ts';
import { note, record } from '../run.ts';
import { stepId } from '../step-id.ts';
import { comparePairs } from './judge-pairs.ts';
import { scoreAll } from './judge-scores.ts';
import type { Judgement } from './judging.ts';
import { stableOrder } from './stable-order.ts';

export interface JudgeRequest {
  step?: string;
  /** what was asked */
  question: string;
  answers: Judged[];
  /** policy or model that judges */
  policy: PolicyRef;
  /** what makes an answer good */
  rubric?: Rubric;
  /** default `scores`: all answers in one call. `pairwise` costs more calls, and is fairer to answers close to each other */
  mode?: JudgeMode;
}

/** An answer; its number in the verdict is its place in the list, from 1, unless it brings its own. */
export type Judged = Pick<Answer, 'text' | 'model'> & { answer?: number };

const DEFAULT_RUBRIC = 'Correct, complete, clear, and no longer than it needs to be.';

/**
 * Score answers against a rubric and name the best one.
 *
 *   answers --> letters, in an order of their own --> one call for all, or two for each pair --> verdict
 *
 * The judge sees letters instead of model names, so that no model is favoured for what it is called, and equal texts
 * only once, so that they score alike. Judges prefer answers for their place (position bias, Zheng et al. 2023, "Judging
 * LLM-as-a-Judge", arXiv 2306.05685): the order therefore comes from the texts themselves, and pairs are asked both ways.
 * Answers given in another order get the same verdict.
 * @throws InvalidRequest without answers, else as `generate`
 */
export async function judge(request: JudgeRequest): Promise<Verdict> {
  const { step = 'judge', question, answers, policy, rubric = DEFAULT_RUBRIC, mode = 'scores' } = request;
  if (answers.length === 0) throw failure({ type: 'InvalidRequest', message: 'There are no answers to judge', step });
  const id = stepId(step);

  const numbered = answers.map((judged, index) => ({ ...judged, answer: judged.answer ?? index + 1 }));
  const texts = stableOrder(answers.map(({ text }) => text));
  const numberOf = (text: string) => numbered.find((judged) => judged.text === text)!.answer;
  const judgeAll = mode === 'pairwise' ? comparePairs : scoreAll;
  const verdict = verdictOf(mode, numbered, texts, await judgeAll({ question, policy, rubric, id, texts, numberOf }));

  await record([{ type: 'verdict', key: `verdict:${id}`, step: id, data: { verdict } }]);
  const tied = verdict.tied ? `, tied: ${verdict.tied.join(', ')}` : '';
  note(`${id}: answer ${verdict.bestAnswer} of ${verdict.best} is best${tied}`);
  return verdict;
}

/** Marks of texts as a verdict on the answers. Among equally good ones the texts' own order decides, then the models' names. */
export function verdictOf(
  mode: JudgeMode,
  answers: Required<Judged>[],
  texts: string[],
  judgement: Judgement,
): Verdict {
  const { marks, reason, comparisons } = judgement;
  const scores = answers.map(({ answer, model, text }) => ({ answer, model, ...marks[texts.indexOf(text)]! }));
  const top = Math.max(...marks.map(({ score }) => score));
  const leaders = answers
    .filter(({ text }) => isClose(marks[texts.indexOf(text)]!.score, top))
    .sort(
      (a, b) => texts.indexOf(a.text) - texts.indexOf(b.text) || compareNames(a.model, b.model) || a.answer - b.answer,
    );
  const best = leaders[0]!;
  return {
    best: best.model,
    bestAnswer: best.answer,
    reason: reason(best.answer),
    scores,
    mode,
    ...(leaders.length > 1 ? { tied: leaders.map(({ answer }) => answer).sort((a, b) => a - b) } : {}),
    ...(comparisons ? { comparisons } : {}),
  };
}

/** Weighted means of equal parts may differ in their last digit. */
function isClose(score: number, top: number): boolean {
  return top - score < 1e-9;
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
