import { refusal } from '../client/errors.ts';
import {
  asText,
  type EvaluationScorer,
  fieldPath,
  fillInRow,
  nameOfScorer,
  textOfResult,
  valueAt,
} from '../contract/index.ts';
import { judgeAnswers } from './judge-answers.ts';
import type { Answered, Scores, ScoringRooms } from './scoring.ts';
import { compareVectors } from './similarity.ts';
import {
  type Scored,
  scoreContains,
  scoreExact,
  scoreJson,
  scoreNumber,
  scoreRegex,
  scoreSchema,
} from './text-scores.ts';
import { loadFunction, scoreByFunction } from './user-function.ts';

/** The score of an answer that is none. */
const NO_ANSWER: Scored = { score: 0, reason: 'no answer' };

/** Scores every answer; a failed one has 0. @throws CadenzaError where a scorer does not go with a row, or fails itself */
export async function scoreAnswers(
  scorer: EvaluationScorer,
  answers: Answered[],
  rooms: ScoringRooms,
): Promise<Scores> {
  const good = answers.filter(({ error }) => error === undefined);
  const scores = await scoresOf(scorer, good, rooms);
  const byAnswer = new Map(good.map((answer, index) => [answer, scores[index]]));
  return answers.map((answer) => (answer.error === undefined ? byAnswer.get(answer) : NO_ANSWER));
}

async function scoresOf(scorer: EvaluationScorer, answers: Answered[], rooms: ScoringRooms): Promise<Scores> {
  const each = (score: (text: string, answer: Answered) => Scored | undefined) =>
    answers.map((answer) => score(textScored(scorer, answer), answer));
  switch (scorer.type) {
    case 'exact':
      return each((text, answer) => scoreExact(text, textExpected(scorer, answer), scorer.strict));
    case 'contains':
      return each((text, answer) => scoreContains(text, textsExpected(scorer, answer), scorer.any, scorer.strict));
    case 'number':
      return each((text, answer) =>
        scoreNumber(text, numberExpected(scorer, answer), scorer.tolerance, scorer.relative),
      );
    case 'json':
      return each((text, answer) => scoreJson(text, expectedValue(scorer, answer), scorer.subset));
    case 'regex': {
      const pattern = compiled(scorer);
      return each((text) => scoreRegex(text, pattern, scorer.not));
    }
    case 'schema':
      return each((text) => scoreSchema(text, scorer.schema));
    case 'cost':
      return answers.map(({ costUsd }) => (costUsd === null ? undefined : within(costUsd, scorer.maxUsd, 'USD')));
    case 'latency':
      return answers.map(({ latencyMs }) => (latencyMs === null ? undefined : within(latencyMs, scorer.maxMs, 'ms')));
    case 'similarity':
      return compareVectors(
        scorer,
        answers.map((answer) => [textScored(scorer, answer), textExpected(scorer, answer)]),
        rooms,
      );
    case 'judge': {
      const judged = answers.map((answer) => ({
        question: scorer.question === undefined ? answer.question : asText(filled(scorer, 'question', answer)),
        expected: scorer.expected === undefined ? undefined : asText(filled(scorer, 'expected', answer)),
        text: textScored(scorer, answer),
      }));
      return judgeAnswers(scorer, judged, rooms);
    }
    case 'function':
      return scoreByFunction(
        scorer,
        answers.map((answer) => ({ ...answer, text: textScored(scorer, answer) })),
        rooms,
      );
  }
}

/** What a scorer looks at: the whole result's text, or what stands at a place of it. */
function textScored({ of }: EvaluationScorer, { result }: Answered): string {
  return of === undefined ? textOfResult(result) : asText(valueAt(result, of.split('.')));
}

/** Everything of scorers that does not go with a row. @throws CadenzaError naming the first */
export async function checkScorers(
  scorers: EvaluationScorer[],
  items: unknown[],
  rooms: Pick<ScoringRooms, 'folder' | 'functions'>,
): Promise<void> {
  for (const [index, scorer] of scorers.entries()) {
    const at = `scorers[${index}]`;
    if (scorer.type === 'regex') compiled(scorer, at);
    if (scorer.type === 'function') await loadFunction(scorer, rooms);
    for (const [number, item] of items.entries()) {
      const row = { row: number + 1, item };
      if ('expected' in scorer && scorer.expected !== undefined) filled(scorer, 'expected', row, at);
      if ('question' in scorer && scorer.question !== undefined) filled(scorer, 'question', row, at);
      if (scorer.type === 'number') numberExpected(scorer, row, at);
    }
  }
}

type Row = Pick<Answered, 'row' | 'item'>;

function filled(scorer: EvaluationScorer, field: 'expected' | 'question', { row, item }: Row, at?: string): unknown {
  const found = fillInRow((scorer as Record<string, unknown>)[field], { row, item });
  if ('input' in found) return found.input;
  throw unfit(scorer, field, found.problem, at);
}

function unfit(scorer: EvaluationScorer, field: string, problem: string, at = nameOfScorer(scorer)) {
  const path = fieldPath(at, [field]);
  const hint = 'Name what the row has it as: expected: "{{item.capital}}"';
  return refusal('InvalidRequest', `${path}: ${problem}`, { path, hint });
}

function expectedValue(scorer: EvaluationScorer, row: Row): unknown {
  return filled(scorer, 'expected', row);
}

function textExpected(scorer: EvaluationScorer, row: Row): string {
  return asText(expectedValue(scorer, row));
}

function textsExpected(scorer: EvaluationScorer, row: Row): string[] {
  const value = expectedValue(scorer, row);
  return (Array.isArray(value) ? value : [value]).map(asText);
}

function numberExpected(scorer: EvaluationScorer, row: Row, at?: string): number {
  const value = filled(scorer, 'expected', row, at);
  const number = typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isNaN(number)) return number;
  throw unfit(scorer, 'expected', `Row ${row.row} has ${JSON.stringify(value)}, which is no number`, at);
}

function compiled(scorer: EvaluationScorer & { type: 'regex' }, at?: string): RegExp {
  try {
    return new RegExp(scorer.pattern, scorer.flags);
  } catch (error) {
    throw unfit(scorer, 'pattern', (error as Error).message, at);
  }
}

function within(value: number, most: number, unit: string): Scored {
  return value <= most ? { score: 1 } : { score: 0, reason: `${value} ${unit}, more than ${most}` };
}
