/** How little the first ranks weigh against the others: 60 as in Cormack, Clarke and Büttcher 2009. */
const K = 60;

/**
 * One ranking of several, by reciprocal rank fusion: each item gets the sum of 1 / (60 + rank) over the rankings it is in
 * (Cormack, Clarke and Büttcher 2009, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods").
 * @returns items with their scores, best first; equal ones in the order they come
 */
export function fused<Item>(rankings: Item[][]): { item: Item; score: number }[] {
  const scores = new Map<Item, number>();
  for (const ranking of rankings) {
    for (const [index, item] of ranking.entries()) scores.set(item, (scores.get(item) ?? 0) + 1 / (K + index + 1));
  }
  return [...scores].map(([item, score]) => ({ item, score })).sort((a, b) => b.score - a.score);
}
