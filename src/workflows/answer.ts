import { AnswerInput, type AnswerResult, DEFAULT_PASSAGES, type Message, type RunOptions } from '../contract/index.ts';
import { type CheckedAnswer, CitedAnswer, checkedCitations } from './answer/citations.ts';
import { CITING, correctionOf, promptOf } from './answer/prompts.ts';
import { reranked } from './answer/rerank.ts';
import { answerOf } from './answer-of.ts';
import { inputOf } from './input.ts';
import { note, policyOf, record } from './run.ts';
import { type Generated, generate } from './steps/generate.ts';
import { retrieve } from './steps/retrieve.ts';

/** As a step of another workflow, `answer` can be given a name. */
export type AnswerStep = AnswerInput & { step?: string };

const NOT_FOUND = 'Not in the documents.';
/** Passages a reranker chooses from, for each that is used, and at most. */
const CHOICE = 4;
const MOST_CHOICE = 40;

/**
 * Answer a question from a collection of documents, with citations.
 *
 *   question --> retrieve --> (rerank) --> answer with quotes --> is each in its passage? --> [1] -> file, page, span
 *                                               ^                        | no
 *                                               +------- once more ------+--> left out
 *
 * Where the documents do not say, or no quote is left that they hold, `found` is false and nothing else is said.
 */
export async function answer({ step, ...input }: AnswerStep, _options?: RunOptions): Promise<AnswerResult> {
  const { collection, question, policy, system, limit = DEFAULT_PASSAGES, rerank } = inputOf(AnswerInput, input);
  const named = (name: string) => (step === undefined ? name : `${step}/${name}`);

  const choice = rerank === undefined ? limit : Math.min(MOST_CHOICE, limit * CHOICE);
  const found = await retrieve({
    step: named('retrieve'),
    collection,
    query: question,
    limit: Math.max(choice, limit),
  });
  if (found.length === 0) return nothingThere(policy);
  const passages = rerank === undefined ? found : await reranked(named('rerank'), { question, found, policy: rerank });
  const used = passages.slice(0, limit);

  const ask = (name: string, messages: Message[]) =>
    generate({ step: named(name), policy, system: rulesOf(system), messages, output: CitedAnswer });
  const asked: Message[] = [{ role: 'user', content: promptOf(question, used) }];
  const reply = await ask('answer', asked);
  const checked = checkedCitations(reply.object, used);
  if (checked.problems.length === 0) return resultOf(named('answer'), reply, checked);

  note(`${named('answer')}: ${checked.problems.length} quotes are not in the passages, asking again`);
  const again = await ask('correct', [
    ...asked,
    { role: 'assistant', content: reply.text },
    { role: 'user', content: correctionOf(checked.problems) },
  ]);
  return resultOf(named('correct'), again, checkedCitations(again.object, used));
}

function rulesOf(system: string | undefined): string {
  return system === undefined ? CITING : `${system}\n\n${CITING}`;
}

async function resultOf(step: string, reply: Generated<CitedAnswer>, checked: CheckedAnswer): Promise<AnswerResult> {
  const { text, citations, problems } = checked;
  const found = reply.object.found && citations.length > 0;
  const data = { citations: found ? citations.length : 0, removed: problems };
  await record([{ type: 'citations.checked', key: `citations.checked:${step}`, step, data }]);
  note(`${step}: ${found ? `${citations.length} citations, ${problems.length} left out` : 'not in the documents'}`);
  const { object: _, ...said } = answerOf(reply);
  return { ...said, text: found ? text : NOT_FOUND, found, citations: found ? citations : [] };
}

/** An empty collection: nobody is asked. `model` is who would have been. */
async function nothingThere(policy: AnswerInput['policy']): Promise<AnswerResult> {
  const [model] = (await policyOf(policy)).candidates as [string];
  const usage = { inputTokens: 0, outputTokens: 0 };
  return { text: NOT_FOUND, model, usage, costUsd: 0, finishReason: 'stop', found: false, citations: [] };
}
