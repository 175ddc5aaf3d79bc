/** The names most like the one that was given, nearest first (edit distance; the order of `names` among equals). */
export function nearestNames(given: string, names: string[], most: number): string[] {
  return byDistance(given, names)
    .slice(0, most)
    .map(({ name }) => name);
}

/** ` Did you mean "research"?`, if a known name is like the one that was given, else the names there are. */
export function suggestion(given: string, known: Iterable<string>): string {
  const names = [...known];
  const nearest = byDistance(given, names).find(
    ({ name, distance }) => distance <= Math.max(1, Math.floor(Math.max(name.length, given.length) / 3)),
  );
  if (nearest) return ` Did you mean "${nearest.name}"?`;
  return names.length === 0 ? '' : ` Known here: ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}`;
}

function byDistance(given: string, names: string[]): { name: string; distance: number }[] {
  return names
    .map((name) => ({ name, distance: editDistance(given.toLowerCase(), name.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
}

/** Letters to add, leave out, replace, or swap with the next one. */
function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? before[j - 2]! + 1 : replaced;
      next.push(Math.min(replaced, swapped, row[j]! + 1, next[j - 1]! + 1));
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
