/** A scorer of one's own: 1 for a reply of at most 120 words, less the longer it is. */
export default function short({ text }: { text: string }) {
  const words = text.split(/\s+/).length;
  return { score: Math.min(1, 120 / words), reason: `${words} words` };
}
