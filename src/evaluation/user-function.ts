import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { refusal } from '../client/errors.ts';
import { type EvaluationScorer, nameOfScorer } from '../contract/index.ts';
import { FunctionScore, type GivenToFunction, type ScoreFunction, type Scores, type ScoringRooms } from './scoring.ts';

/** Calls that may be under way at once. */
const AT_ONCE = 16;

/** Scores by a function of the user's, in this process. @throws CadenzaError naming the row on which it failed */
export async function scoreByFunction(
  scorer: EvaluationScorer & { type: 'function' },
  answers: GivenToFunction[],
  rooms: Pick<ScoringRooms, 'folder' | 'functions'>,
): Promise<Scores> {
  const score = await loadFunction(scorer, rooms);
  const scores: Scores = [];
  for (let start = 0; start < answers.length; start += AT_ONCE) {
    const page = answers.slice(start, start + AT_ONCE);
    scores.push(...(await Promise.all(page.map((answer) => scored(scorer, score, answer)))));
  }
  return scores;
}

async function scored(scorer: EvaluationScorer, score: ScoreFunction, answer: GivenToFunction) {
  const fault = (what: string) =>
    refusal('InvalidRequest', `The scorer "${nameOfScorer(scorer)}" ${what} on row ${answer.row}`, {
      hint: 'It gives a number from 0 to 1, true or false, or {score, reason}',
    });
  const given = await Promise.resolve()
    .then(() => score(answer))
    .catch((error: unknown) => Promise.reject(fault(`failed (${error instanceof Error ? error.message : error})`)));
  const parsed = FunctionScore.safeParse(given);
  if (!parsed.success) throw fault(`gave ${JSON.stringify(given)}`);
  return typeof parsed.data === 'number' ? { score: parsed.data } : parsed.data;
}

/** @throws CadenzaError where there is no such module, or no such function in it */
export async function loadFunction(
  scorer: EvaluationScorer & { type: 'function' },
  { folder, functions }: Pick<ScoringRooms, 'folder' | 'functions'>,
): Promise<ScoreFunction> {
  const name = nameOfScorer(scorer);
  if (scorer.file === undefined) {
    const own = Object.hasOwn(functions, name) ? functions[name] : undefined;
    if (own) return own;
    throw refusal('InvalidRequest', `The scorer "${name}" names no file`, {
      hint: 'Give file: an ES module beside it',
    });
  }
  const file = path.resolve(folder, scorer.file);
  if (!existsSync(file)) throw refusal('InvalidRequest', `The scorer "${name}" names "${file}", which is not there`);
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  const found = module[scorer.export];
  if (typeof found === 'function') return found as ScoreFunction;
  const exported = Object.keys(module).join(', ') || 'nothing';
  throw refusal('InvalidRequest', `${scorer.file} exports no function "${scorer.export}", but ${exported}`);
}
