import { z } from 'zod';
import { DebateRound, DebateVerdict, Standing, Verdict } from '../../contract/index.ts';
import { plainText } from '../output.ts';

/** What the event `verdict` and the results of patterns hold: a judge's verdict, a council's mean ranks, a critique, or where debaters stand. */
const Judged = z.union([
  Verdict,
  DebateVerdict,
  DebateRound,
  z.object({ standings: z.array(Standing) }),
  z.object({ round: z.number(), score: z.number(), accepted: z.boolean(), problems: z.array(z.string()) }),
]);

/** True for steps that mark answers: what they say is for the pattern, and shown as its verdict. */
export function isMarking(step: string): boolean {
  return /(^|\/)(judge|rank|guardrail)(\/|$)/.test(step);
}

/** A verdict for people: the best first, each with its mark; empty where it is of no known kind. */
export function verdictText(verdict: unknown): string {
  const judged = Judged.safeParse(verdict);
  if (!judged.success) return '';
  if ('method' in judged.data) return debateVerdictText(judged.data);
  if ('positions' in judged.data) return debateRoundText(judged.data);
  if ('standings' in judged.data) {
    const [first] = judged.data.standings;
    const lines = judged.data.standings.map(
      ({ model, meanRank }) => `${meanRank === first!.meanRank ? '★' : ' '} ${meanRank.toFixed(2)}  ${model}`,
    );
    return ['Mean ranks, 1 is best:', ...lines].join('\n');
  }
  if ('round' in judged.data) {
    const { round, score, accepted, problems } = judged.data;
    const head = `${accepted ? '★' : '↻'} round ${round}: ${score.toFixed(2)}${accepted ? ', accepted' : ''}`;
    return [head, ...problems.map((problem) => `  - ${plainText(problem)}`)].join('\n');
  }
  const { best, bestAnswer, reason, scores, tied } = judged.data;
  // Answers of one model have numbers instead of names.
  const sameModel = new Set(scores.map(({ model }) => model)).size < scores.length;
  const named = (answer: number, model: string) => (sameModel ? `answer ${answer}` : model);
  const tie = tied && tied.length > 1 ? ` (tied with ${tied.length - 1} more)` : '';
  return [
    `★ ${named(bestAnswer, best)}${tie}${reason === '' ? '' : `: ${plainText(reason)}`}`,
    ...scores.map(({ answer, model, score, reason: why }) =>
      [`  ${score.toFixed(2)}  ${named(answer, model)}`, plainText(why)].filter(Boolean).join(': '),
    ),
  ].join('\n');
}

const HOW: Record<DebateVerdict['method'], string> = {
  agreement: 'all agree',
  judge: 'by the judge',
  vote: 'by vote',
  ranking: 'by ranking each other',
  alone: 'nobody else was left',
};

function debateVerdictText({ method, position, heldBy, reason, scores, standings, tied }: DebateVerdict): string {
  const tie = tied === undefined ? '' : `, tied: ${tied.join(', ')}`;
  const marks = [
    ...(scores ?? []).map(({ speaker, score, reason: why }) => `  ${score.toFixed(2)}  ${speaker}: ${plainText(why)}`),
    ...(standings ?? []).map(({ speaker, meanRank }) => `  mean rank ${meanRank.toFixed(2)}  ${speaker}`),
  ];
  return [
    `★ ${plainText(position)} (${HOW[method]}${tie}; held by ${heldBy.join(', ')})`,
    ...(reason === undefined ? [] : [`  ${plainText(reason)}`]),
    ...marks,
  ].join('\n');
}

function debateRoundText({ round, positions, agreed, reason }: DebateRound): string {
  const why = reason === undefined ? '' : `: ${plainText(reason)}`;
  return [
    `Round ${round}, ${agreed ? 'all agree' : 'they differ'}${why}`,
    ...positions.map(({ speaker, position }) => `  ${speaker}: ${plainText(position)}`),
  ].join('\n');
}
