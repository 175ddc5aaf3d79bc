import type { Answer, PolicyRef } from '../../contract/index.ts';
import { answerOf } from '../answer-of.ts';
import { concurrently } from '../concurrently.ts';
import { failure } from '../failures.ts';
import { note } from '../run.ts';
import { stepId } from '../step-id.ts';
import { generate } from './generate.ts';
import { grouped, splitText } from './split-text.ts';

export interface MapReduceRequest {
  step?: string;
  /** a long text, cut into parts between paragraphs and sentences */
  text?: string;
  /** or the parts themselves */
  parts?: string[];
  /** what to do with each part */
  map: string;
  /** how to make one text of what the parts gave; with many, also of what earlier reductions gave */
  reduce: string;
  /** of the maps, and of the reductions where they have no policy of their own */
  policy?: PolicyRef;
  reducePolicy?: PolicyRef;
  /** calls at once, default 8 */
  concurrency?: number;
  /** most estimated tokens of one part, and of the texts one reduction is given. Default 10,000 */
  partTokens?: number;
}

export interface MapReduced extends Answer {
  /** what each part gave, in order */
  mapped: string[];
  /** how many times the texts were reduced, 1 where all of them fit into one request */
  levels: number;
}

/** Texts this long travel outside Temporal's history, so that many parts keep it small. */
const PART_TOKENS = 10_000;
const CONCURRENCY = 8;

/**
 * Work through a text too long for one request: each part by itself, then what they gave together.
 *
 *          +-> map/1 --+
 *   text --+-> map/2 --+--> reduce ------------------------> result
 *          +-> map/n --+--> too long together? reduce groups, then those again
 *
 * Equal parts of other texts come from the cache. A part that fails, fails the step: a result with a hole in it would
 * not show it.
 * @throws InvalidRequest for input without text, else as `generate`
 */
export async function mapReduce(request: MapReduceRequest): Promise<MapReduced> {
  const { step = 'map-reduce', map, reduce, policy, reducePolicy = policy } = request;
  const { partTokens = PART_TOKENS, concurrency = CONCURRENCY } = request;
  const id = stepId(step);
  const parts = partsOf(request, id, partTokens);
  note(`${id}: ${parts.length} parts`);
  const mapped = await concurrently(parts, concurrency, async (part, index) => {
    const { text } = await generate({ step: `${id}/map/${index + 1}`, policy, prompt: asked(map, [part]) });
    return text;
  });

  let texts = mapped;
  for (let level = 1; ; level += 1) {
    const groups = grouped(texts, partTokens);
    if (groups.length === 1) {
      const reply = await generate({ step: `${id}/reduce`, policy: reducePolicy, prompt: asked(reduce, texts) });
      return { ...answerOf(reply), mapped, levels: level };
    }
    note(`${id}: ${texts.length} texts are too long together, reducing ${groups.length} groups of them first`);
    texts = await concurrently(groups, concurrency, async (group, index) => {
      if (group.length === 1) return group[0]!;
      const name = `${id}/reduce/${level}.${index + 1}`;
      const { text } = await generate({ step: name, policy: reducePolicy, prompt: asked(reduce, group) });
      return text;
    });
  }
}

function partsOf({ text, parts }: MapReduceRequest, step: string, partTokens: number): string[] {
  if ((text === undefined) === (parts === undefined)) {
    throw failure({ type: 'InvalidRequest', message: 'mapReduce is given either text or parts', step });
  }
  const cut = parts ?? splitText(text!, partTokens);
  if (cut.length === 0) throw failure({ type: 'InvalidRequest', message: 'mapReduce was given no text', step });
  return cut;
}

function asked(instruction: string, texts: string[]): string {
  return [instruction, ...texts].join('\n\n---\n\n');
}
