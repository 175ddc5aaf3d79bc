import type { Cadenza } from '../../client/cadenza.ts';
import {
  type Candidate,
  type ChainStepResult,
  type Citation,
  type ComparedAnswer,
  type DebateTurn,
  isPattern,
  MOST_FAILURES_LISTED,
  oneLine,
  PATTERNS,
  type PatternName,
  type PatternResult,
  type TaskResult,
} from '../../contract/index.ts';
import { plainText } from '../output.ts';
import { plannedHeading, taskHeading, workText } from './agents-work.ts';
import { count } from './numbers.ts';
import { isAnswer, readable } from './readable.ts';
import { EMPTY_STREAM, withStreamed } from './stream.ts';
import { turnText } from './structured.ts';
import { verdictText } from './verdicts.ts';

/** A piece of a result, under the name of who gave it. */
export interface Block {
  heading?: string;
  text: string;
}

/** A result for people, in the order it is read: how the answer came about, what was said of it, the answer. */
export interface ResultView {
  story: Block[];
  verdict?: string;
  /** left out where there is no single one */
  answer?: Block;
}

/** The run a result is of. */
export interface Finished {
  client: Cadenza;
  id: string;
}

type Views = {
  [Name in PatternName]: (result: PatternResult<Name>, finished: Finished) => ResultView | Promise<ResultView>;
};

/** Rows of a map that are shown. */
const SHOWN_ROWS = 20;
/** Characters of a quote that are shown. */
const SHOWN_QUOTE = 300;

/** How each pattern's result is shown. */
const VIEWS: Views = {
  ask: ({ text }) => ({ story: [], answer: { text: plainText(text) } }),

  agent: ({ text, object, steps, toolCalls, stopReason, agent }) => ({
    story: [{ text: workText(steps, toolCalls, stopReason) }],
    answer: { heading: agent, text: object === undefined ? plainText(text) : readable(object) },
  }),

  compare({ answers, verdict, merged }) {
    if (merged) {
      const answer = { heading: `merged by ${merged.model}`, text: plainText(merged.text) };
      return { story: answers.map(blockOf), verdict: verdictText(verdict), answer };
    }
    const best = verdict && answers[verdict.bestAnswer - 1];
    if (!best) return { story: answers.map(blockOf) };
    const { heading, text } = blockOf(best);
    return {
      story: answers.filter((one) => one !== best).map(blockOf),
      verdict: verdictText(verdict),
      answer: { heading: `★ ${heading}`, text },
    };
  },

  'best-of'({ best, candidates, verdict }) {
    const sample = (one: Candidate, index: number) => ({ ...blockOf(one), heading: headingOf(one, index) });
    const headingOf = ({ model }: Candidate, index: number) =>
      [`answer ${index + 1}`, model].filter(Boolean).join(' · ');
    const at = verdict.bestAnswer - 1;
    return {
      story: candidates.map(sample).filter((_, index) => index !== at),
      verdict: verdictText(verdict),
      answer: { heading: `★ ${headingOf(best, at)}`, text: plainText(best.text) },
    };
  },

  embed: ({ model, vectors, usage }) => ({
    story: [],
    answer: { text: `${vectors.length} vectors by ${model}, of ${usage.inputTokens} tokens (--json shows them)` },
  }),

  council: ({ answers, standings, final }) => ({
    story: answers.map(blockOf),
    verdict: verdictText(standings.length === 0 ? undefined : { standings }),
    answer: { heading: `final answer · ${final.model}`, text: plainText(final.text) },
  }),

  crew: ({ tasks, final }) => {
    const all = Object.entries(tasks);
    const blocks = all.map(([name, task]) => ({ heading: taskHeading(name, task), text: taskText(task) }));
    const at = all.findLastIndex(([, { text }]) => text === final.text);
    const answer = blocks[at] ?? { heading: 'final', text: plainText(final.text) };
    return { story: blocks.filter((_, index) => index !== at), answer };
  },

  debate: ({ transcript, verdict, absent, final }) => ({
    story: [
      ...transcript.map(turnBlock),
      ...absent.map(({ speaker, round, error }) => ({
        heading: `round ${round} · ${speaker}`,
        text: errorText(error),
      })),
    ],
    verdict: verdictText(verdict),
    answer: { heading: `final answer · ${final.model}`, text: plainText(final.text) },
  }),

  plan: ({ plan, steps, failures, replans, ended, final }) => ({
    story: [
      ...failures.map(({ step, error }) => ({ heading: step, text: errorText(error) })),
      ...plan.steps.map((step) => ({
        heading: plannedHeading(step, steps[step.id]),
        text: plainText(steps[step.id]?.text ?? 'not done'),
      })),
      ...(replans > 0 ? [{ text: `planned anew ${replans === 1 ? 'once' : `${replans} times`}` }] : []),
    ],
    answer: {
      heading: ended === 'stopped' ? 'stopped' : `final answer · ${final.model}`,
      text: final.object === undefined ? plainText(final.text) : readable(final.object),
    },
  }),

  async chain({ steps, output }, { client }) {
    const text = readable(output);
    const all = await Promise.all(Object.entries(steps).map(([id, step]) => stepBlock(client, id, step)));
    // The output is what the last step gave, unless the chain says otherwise.
    const last = all.findLastIndex(
      (step, index) => step.text === text || isResultOf(Object.values(steps)[index]!, output),
    );
    if (last < 0) return { story: all, answer: { heading: 'output', text } };
    return { story: all.filter((_, index) => index !== last), answer: all[last]! };
  },

  async map({ done, failed }, { client, id }) {
    const { items, nextAfter } = await client.items(id, { limit: SHOWN_ROWS });
    const rows = items.map(({ row, answer, error }) => ({
      heading: `row ${row}`,
      text: error ? errorText(error) : readable(answer),
    }));
    const more = nextAfter === undefined ? '' : ` All of them: cadenza map --resume ${id} --out rows.jsonl`;
    const text = `${count(done)} ${done === 1 ? 'row' : 'rows'} done, ${count(failed)} failed.${more}`;
    return { story: rows, answer: { text } };
  },

  ingest({ documents, chunks, skipped, removed, failed }) {
    const counts = [
      `${count(documents)} ${documents === 1 ? 'document' : 'documents'} read (${count(chunks)} chunks)`,
      `${count(skipped)} as they were`,
      `${count(removed)} taken out`,
      `${count(failed.length)}${failed.length === MOST_FAILURES_LISTED ? ' or more' : ''} failed`,
    ];
    const story = failed.map(({ source, error }) => ({ heading: source, text: errorText(error) }));
    return { story, answer: { text: `${counts.join(', ')}.` } };
  },

  answer({ text, citations }) {
    const sources = citations.map(citationText);
    return { story: [], answer: { text: [plainText(text), ...sources].join('\n\n') } };
  },

  async conversation({ turns }, { client, id }) {
    const answer = { text: `${count(turns)} ${turns === 1 ? 'message was' : 'messages were'} answered.` };
    let stream = EMPTY_STREAM;
    let said = '';
    for await (const event of client.events(id)) {
      const { stream: next, written } = withStreamed(stream, event);
      stream = next;
      said += written;
    }
    return { story: said === '' ? [] : [{ text: said.trim() }], answer };
  },
};

function taskText({ text, object }: TaskResult): string {
  return object === undefined ? plainText(text) : readable(object);
}

/** @param pattern the run's workflow type; those of users are shown by what their result looks like */
export async function resultView(pattern: string, result: unknown, finished: Finished): Promise<ResultView> {
  if (isPattern(pattern)) {
    const known = PATTERNS[pattern].result.safeParse(result);
    if (known.success) return (VIEWS[pattern] as Views['ask'])(known.data as PatternResult<'ask'>, finished);
  }
  const [name] = ANSWERS.filter((key) => typeof result === 'object' && result !== null && key in result);
  if (name === undefined || isAnswer(result as object)) return { story: [], answer: { text: readable(result) } };
  const { [name]: answer, ...rest } = result as Record<string, unknown>;
  const story = Object.keys(rest).length === 0 ? [] : [{ text: readable(rest) }];
  return { story, answer: { heading: name, text: readable(answer) } };
}

/** What workflows call the answer among what else they give. */
const ANSWERS = ['final', 'merged', 'best', 'output', 'answer'];

/** All of a view, for who has seen nothing of the run yet. */
export function viewText({ story, verdict, answer }: ResultView): string {
  return [...story.map(blockText), verdict, answer && blockText(answer)].filter(Boolean).join('\n\n');
}

export function blockText({ heading, text }: Block): string {
  return heading === undefined ? text.trimEnd() : `── ${heading}\n${text.trimEnd()}`;
}

function blockOf(answer: ComparedAnswer | Candidate): Block {
  if ('error' in answer) return { heading: answer.model ?? 'no answer', text: errorText(answer.error) };
  return { heading: answer.model, text: plainText(answer.text) };
}

/** Where to look, and what stands there. */
function citationText({ source, page, heading, lines, quote }: Citation, index: number): string {
  const place = [
    page === undefined ? `${source}:${lines.from}` : `${source}, page ${page}`,
    ...(heading === undefined ? [] : [heading]),
  ];
  return `[${index + 1}] ${plainText(place.join(' · '))}\n    “${oneLine(plainText(quote), SHOWN_QUOTE)}”`;
}

function errorText({ type, message }: { type: string; message: string }): string {
  return `✗ ${type}: ${plainText(message)}`;
}

function turnBlock({ round, speaker, role, model, position, text }: DebateTurn): Block {
  const who = role === undefined ? speaker : `${speaker} (${role})`;
  return { heading: `round ${round} · ${who} · ${model}`, text: turnText(text, position) };
}

async function stepBlock(client: Cadenza, id: string, step: ChainStepResult): Promise<Block> {
  if ('run' in step) {
    const view = await resultView(step.pattern, step.result, { client, id: step.run });
    return { heading: `${id} · ${step.pattern} ${step.run}`, text: view.answer?.text ?? viewText(view) };
  }
  if ('items' in step) return { heading: `${id} · ${count(step.items.length)} items`, text: readable(step.items) };
  const rounds = step.rounds === undefined ? '' : ` · ${step.rounds} rounds`;
  const text = step.object === undefined ? plainText(step.text) : readable(step.object);
  return { heading: `${id} · ${step.model}${rounds}`, text };
}

function isResultOf(step: ChainStepResult, output: unknown): boolean {
  return 'run' in step && JSON.stringify(step.result) === JSON.stringify(output);
}
