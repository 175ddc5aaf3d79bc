import { cosine, type EvaluationScorer, nameOfScorer, withoutUndefined } from '../contract/index.ts';
import type { Scores, ScoringRooms } from './scoring.ts';

/** Texts of one run: fewer than fit, so that a run that fails is soon repeated. */
const TEXTS_A_RUN = 1_024;

/** How near the vectors of two texts are, by runs of `embed`, which are paid once; an empty text is near nothing. */
export async function compareVectors(
  scorer: EvaluationScorer & { type: 'similarity' },
  pairs: [answer: string, expected: string][],
  { client, names, purse, runs }: ScoringRooms,
): Promise<Scores> {
  const texts = [...new Set(pairs.flat())].filter((text) => text !== '');
  const vectors = new Map<string, number[]>();
  for (let start = 0; start < texts.length; start += TEXTS_A_RUN) {
    const page = texts.slice(start, start + TEXTS_A_RUN);
    const input = withoutUndefined({ texts: page, model: scorer.model });
    const id = names.name(nameOfScorer(scorer), ['embed', input]);
    const run = await client.start('embed', input, { id, budgetUsd: purse.share(1), metadata: runs.metadata });
    const embedded = await run.result();
    purse.spend(embedded.costUsd);
    for (const [index, text] of page.entries()) vectors.set(text, unpacked(embedded.vectors[index]!));
    runs.signal?.throwIfAborted();
  }
  return pairs.map(([answer, expected]) => {
    const [one, other] = [vectors.get(answer), vectors.get(expected)];
    return { score: one && other ? Math.min(1, Math.max(0, cosine(one, other))) : 0 };
  });
}

/** See `EmbedResult`. */
function unpacked(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  return [...new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))];
}
