import { z } from 'zod';
import type {
  Answer,
  DebateResult,
  DebateRound,
  DebateTurn,
  DebateVerdict,
  PolicyRef,
  Ranking,
} from '../../contract/index.ts';
import { answerOf } from '../answer-of.ts';
import { attempt } from '../attempt.ts';
import { generate } from '../steps/generate.ts';
import { normalised } from '../steps/normalise.ts';
import { rank, standingsOf } from '../steps/rank.ts';
import { tally } from '../steps/vote.ts';
import { type Seat, saidIn } from './turns.ts';

/** What has been said so far, and by whom. */
export interface Debate {
  question: string;
  /** those who are still there */
  seats: Seat[];
  transcript: DebateTurn[];
  /** the last round that was held */
  round: number;
  /** the id of a step of this debate */
  named: (name: string) => string;
}

export type Decision = Pick<DebateResult, 'verdict' | 'final'>;

const DEVILS_ADVOCATE = "devil's advocate";
const DEFAULT_RUBRIC = 'Correct, well supported, and not refuted by what the others said.';

/**
 * Whether those who debate hold the same now. Equal positions are told by comparing them as a vote does, which costs
 * nothing and always finds the same; where they differ in words, a judge can be asked whether they differ in substance,
 * of the positions alone. A devil's advocate holds against the others by trade: it does not count, and what the others
 * agree on must have outlasted one round of it.
 * @param judge who is asked where the words differ; `never`: they are only counted
 */
export async function agreementOf(debate: Debate, judge: PolicyRef | 'never' | undefined): Promise<DebateRound> {
  const { round, named } = debate;
  const turns = countingTurns(debate);
  const { agreement } = tally(turns.map(({ position }) => position));
  const positions = lastTurns(debate).map(({ speaker, position }) => ({ speaker, position }));
  const mayAgree = turns.length > 1 && (turns.length === positions.length || round > 1);
  const found = { round, positions, agreement, agreed: mayAgree && judge !== 'never' && agreement === 1 };
  if (found.agreed || !mayAgree || judge === undefined || judge === 'never') return found;
  const step = named(`judge/round-${round}`);
  const said = await attempt(differing(step, debate.question, turns, judge), step);
  return 'error' in said ? found : { ...found, agreed: !said.differ, reason: said.reason };
}

const Differing = z.object({ reason: z.string(), differ: z.boolean() });

async function differing(step: string, question: string, turns: DebateTurn[], policy: PolicyRef) {
  const { object } = await generate({
    step,
    policy,
    system:
      'You are given the positions of several debaters on one question. Say whether any two of them differ in substance, ' +
      'so that somebody who acts on one would act otherwise on the other. Other words, and more or less detail, are no ' +
      'difference. Give your reason first.',
    prompt: [`Question: ${question}`, ...turns.map(({ letter, position }) => `${letter}: ${position}`)].join('\n\n'),
    output: Differing,
  });
  return object;
}

/** How a debate ends, once nobody speaks any more. A judge that fails leaves it to the debaters' vote. */
export async function decided(
  debate: Debate,
  ended: DebateResult['ended'],
  { judge, rubric = DEFAULT_RUBRIC }: { judge?: PolicyRef; rubric?: string },
): Promise<Decision> {
  const turns = countingTurns(debate);
  if (ended === 'alone') return wonBy(turns[0]!, debate, { method: 'alone' });
  if (ended === 'agreed') return wonBy(turns[0]!, debate, { method: 'agreement' });
  const step = debate.named('judge');
  const judged = judge === undefined ? undefined : await attempt(judgedBy(judge, step, debate, rubric), step);
  return judged === undefined || 'error' in judged ? votedOn(debate) : judged;
}

/** What the debaters agree on in the judge's words, as theirs answer each other. @returns undefined if it cannot write it */
export async function writtenBy(policy: PolicyRef, debate: Debate, position: string): Promise<Answer | undefined> {
  const step = debate.named('answer');
  const written = await attempt(
    generate({
      step,
      policy,
      system:
        'You are given a debate whose debaters came to agree. Answer the question as they do, for somebody who has not read ' +
        'the debate: with the reasons that held, and what stays open. Name no debaters.',
      prompt: [`Question: ${debate.question}`, ...documentOf(debate.transcript), `They agree on: ${position}`].join(
        '\n\n',
      ),
    }),
    step,
  );
  return 'error' in written || written.text.trim() === '' ? undefined : answerOf(written);
}

/**
 * The judge reads the whole debate, knows its debaters by their letters, scores each and writes the answer. In each round
 * another one is read first: judges prefer answers for their place (Zheng et al. 2023, arXiv 2306.05685).
 */
async function judgedBy(policy: PolicyRef, step: string, debate: Debate, rubric: string): Promise<Decision> {
  const { question, transcript } = debate;
  const turns = lastTurns(debate);
  const mark = z.object({ reason: z.string(), score: z.number().min(0).max(1) });
  const reply = await generate({
    step,
    policy,
    system:
      `You judge a debate. Rubric: ${rubric}\nGive each debater a reason and then a score from 0 to 1 for what it holds at ` +
      'the end. Who speaks first, at most length, or as one of many, means nothing. Then say in one or two sentences what ' +
      'decided, and answer the question yourself, for somebody who has not read the debate: by what was shown in it, with ' +
      'what stays open.',
    prompt: [`Question: ${question}`, ...documentOf(transcript)].join('\n\n'),
    output: z.object({
      debaters: z.object(Object.fromEntries(turns.map(({ letter }) => [letter, mark]))),
      reason: z.string(),
      answer: z.string(),
    }),
  });
  const { debaters, reason, answer } = reply.object;
  const scores = turns.map(({ letter, speaker }) => ({ speaker, ...debaters[letter]! }));
  const top = Math.max(...scores.map(({ score }) => score));
  const leaders = turns.filter((_, index) => scores[index]!.score === top);
  const { verdict } = wonBy(leaders[0]!, debate, { method: 'judge', reason, scores, ...tiedOf(leaders) });
  const { object: _, ...said } = answerOf(reply);
  return { verdict, final: { ...said, text: answer.trim() } };
}

/** Rounds as the judge reads them. */
function documentOf(transcript: DebateTurn[]): string[] {
  const rounds = [...Map.groupBy(transcript, ({ round }) => round)];
  return rounds.flatMap(([round, turns]) => {
    const first = (round - 1) % turns.length;
    const inTurn = [...turns.slice(first), ...turns.slice(0, first)];
    return [`Round ${round}`, ...inTurn.map((turn) => `Debater ${turn.letter}:\n${saidIn(turn)}`)];
  });
}

/** What most hold wins. Where no position has most votes, the debaters rank what was said last, without names. */
async function votedOn(debate: Debate): Promise<Decision> {
  const turns = countingTurns(debate);
  const { winner } = tally(turns.map(({ position }) => position));
  if (winner) return wonBy(turns[winner.answers[0]! - 1]!, debate, { method: 'vote' });
  const answers = turns.map((turn, index) => ({ answer: index + 1, model: turn.model, text: saidIn(turn) }));
  const rankings = await Promise.all(
    debate.seats.map(async ({ name, policy }): Promise<Ranking> => {
      const step = debate.named(`rank/${name}`);
      const places = await attempt(rank({ step, question: debate.question, answers, member: name, policy }), step);
      return 'error' in places ? { member: name, error: places.error } : { member: name, places };
    }),
  );
  const standings = standingsOf(rankings);
  const best = standings.filter(({ meanRank }) => meanRank === standings[0]!.meanRank).map(({ answer }) => answer);
  const leaders = standings.length === 0 ? turns : turns.filter((_, index) => best.includes(index + 1));
  return wonBy(leaders[0]!, debate, {
    method: 'ranking',
    standings: standings.map(({ answer, meanRank }) => ({ speaker: turns[answer - 1]!.speaker, meanRank })),
    ...tiedOf(leaders),
  });
}

function wonBy(turn: DebateTurn, debate: Debate, how: Omit<DebateVerdict, 'position' | 'heldBy'>): Decision {
  const { position, model, usage, costUsd, text } = turn;
  const same = lastTurns(debate).filter((other) => normalised(other.position) === normalised(position));
  const final: Answer = { text: `${position}\n\n${text}`, model, usage, costUsd, finishReason: 'stop' };
  return { verdict: { ...how, position, heldBy: same.map(({ speaker }) => speaker) }, final };
}

function tiedOf(leaders: DebateTurn[]): Pick<DebateVerdict, 'tied'> {
  return leaders.length > 1 ? { tied: leaders.map(({ speaker }) => speaker) } : {};
}

/** The last words of those who are still there. */
function lastTurns({ seats, transcript, round }: Debate): DebateTurn[] {
  return transcript.filter((turn) => turn.round === round && seats.some(({ letter }) => letter === turn.letter));
}

/** Of those whose position counts: all but devil's advocates, unless there are no others. */
function countingTurns(debate: Debate): DebateTurn[] {
  const turns = lastTurns(debate);
  const counting = turns.filter(({ role }) => role !== DEVILS_ADVOCATE);
  return counting.length === 0 ? turns : counting;
}
