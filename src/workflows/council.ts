import {
  type ComparedAnswer,
  CouncilInput,
  type CouncilResult,
  type ModelRef,
  type Policy,
  type Ranking,
  type RunOptions,
  type Standing,
} from '../contract/index.ts';
import { timedAnswerOf } from './answer-of.ts';
import { attempt, noneAnswered } from './attempt.ts';
import { failure } from './failures.ts';
import { inputOf } from './input.ts';
import { note, policyOf, record } from './run.ts';
import { stepId } from './step-id.ts';
import { generate } from './steps/generate.ts';
import { letterOf } from './steps/letters.ts';
import { merge } from './steps/merge.ts';
import { rank, standingsOf } from './steps/rank.ts';

/** As a step of another workflow, `council` can be given a name; its own steps then begin with it. */
export type CouncilStep = CouncilInput & { step?: string };

type Present = { answer: number; member: ModelRef; model: ModelRef; text: string };

/**
 * Have several models answer, judge each other without names, and a chairman write the final answer.
 *
 *            +-> answer/a --+               +-> rank/a --+
 *   prompt --+-> answer/b --+--> A, B, C ---+-> rank/b --+--> mean rank --> chairman --> final
 *            +-> answer/c --+  (no names)   +-> rank/c --+
 *
 * A member that does not answer, or cannot rank, is left out, and the chairman is told; the run fails only if no member
 * answers, or if neither the chairman nor any member that answered can write the end.
 * Stages as in llm-council (github.com/karpathy/llm-council); ranks are averaged.
 */
export async function council({ step, ...input }: CouncilStep, _options?: RunOptions): Promise<CouncilResult> {
  const { prompt, system, members, chairman, policy } = inputOf(CouncilInput, input);
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);
  const shared = policy === undefined ? {} : await policyOf(policy);
  const only = (model: ModelRef): Policy => ({ ...shared, candidates: [model] });

  const answers = await Promise.all(
    members.map(async (model): Promise<ComparedAnswer> => {
      const answer = named(`answer/${model}`);
      const reply = await attempt(generate({ step: answer, prompt, system, policy: only(model) }), answer);
      return 'error' in reply ? { model, error: reply.error } : timedAnswerOf(reply);
    }),
  );
  const present = answers.flatMap((given, index): Present[] =>
    'text' in given ? [{ answer: index + 1, member: members[index]!, model: given.model, text: given.text }] : [],
  );
  const missing = answers.filter((answer) => 'error' in answer);
  if (present.length === 0) throw failure(noneAnswered('members', missing, step));

  const rankings = present.length === 1 ? [] : await Promise.all(present.map(({ member }) => rankedBy(member)));
  const standings = standingsOf(rankings);
  await recordStandings(named('rank'), standings, rankings);

  const { candidates, ...chair } = await policyOf(chairman);
  const final = await merge({
    step: named('chairman'),
    question: prompt,
    answers: present,
    policy: { ...chair, candidates: [...new Set([...candidates, ...inOrder(present, standings)])] },
    notes: [rankingNote(present, rankings, standings), attendanceNote(members, missing)].filter((text) => text !== ''),
  });
  return { answers, rankings, standings, absent: missing.map(({ model }) => model), final };

  async function rankedBy(member: ModelRef): Promise<Ranking> {
    const name = named(`rank/${member}`);
    const asked = rank({ step: name, question: prompt, answers: present, member, policy: only(member) });
    const places = await attempt(asked, name);
    return 'error' in places ? { member, error: places.error } : { member, places };
  }
}

/** Members that answered, best ranked first. */
function inOrder(present: Present[], standings: Standing[]): ModelRef[] {
  const place = ({ answer }: Present) => standings.findIndex((standing) => standing.answer === answer);
  return [...present].sort((a, b) => place(a) - place(b)).map(({ member }) => member);
}

async function recordStandings(step: string, standings: Standing[], rankings: Ranking[]): Promise<void> {
  if (rankings.length === 0) return;
  const key = stepId(`verdict:${step}`);
  const verdict = { method: 'mean rank', standings, rankings };
  await record([{ type: 'verdict', key, step, data: { verdict } }]);
  note(`${step}: mean rank ${standings.map(({ model, meanRank }) => `${model} ${meanRank.toFixed(2)}`).join(', ')}`);
}

/** What the chairman is told of the rankings: mean ranks, and what was said of each answer. */
function rankingNote(present: Present[], rankings: Ranking[], standings: Standing[]): string {
  if (standings.length === 0) return '';
  const letter = (answer: number) => letterOf(present.findIndex((one) => one.answer === answer));
  const comments = (answer: number) =>
    rankings
      .flatMap((ranking) => ('places' in ranking ? ranking.places : []))
      .filter((place) => place.answer === answer)
      .map(({ comment }) => `  - ${comment}`);
  const lines = standings.flatMap(({ answer, meanRank }) => [
    `[${letter(answer)}] mean rank ${meanRank.toFixed(2)} of ${present.length}`,
    ...comments(answer),
  ]);
  return ['The members ranked all answers without names (1 is best), and said of them:', ...lines].join('\n');
}

function attendanceNote(members: ModelRef[], missing: { model: ModelRef; error: { type: string } }[]): string {
  if (missing.length === 0) return '';
  const who = missing.map(({ model, error }) => `${model} (${error.type})`).join(', ');
  return `Of the ${members.length} members of the council, ${missing.length} did not answer: ${who}. Say so in one sentence.`;
}
