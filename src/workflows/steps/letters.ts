/** What answers are called where nobody is to know who wrote them: A, B, ..., Z, A1, B1, ... @param index from 0 */
export function letterOf(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : `${letter}${Math.floor(index / 26)}`;
}

/** The question and its answers under letters, as judges and rankers read them. */
export function lettered(question: string, texts: string[]): string {
  const answers = texts.map((text, index) => `Answer ${letterOf(index)}:\n${text}`);
  return [`Question: ${question}`, ...answers].join('\n\n');
}
