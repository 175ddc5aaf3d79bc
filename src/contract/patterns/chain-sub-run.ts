/** Fields of a sub-run's input that hold templates of its own, which the chain above leaves as they are. */
const OWN_TEMPLATES: Record<string, string[]> = { chain: ['steps', 'output'], map: ['input'] };

/** The part of a sub-run's input that the chain fills in, and the part it leaves alone. */
export function splitSubRunInput(pattern: string, input: unknown): { filled: unknown; kept: Record<string, unknown> } {
  const own = OWN_TEMPLATES[pattern];
  if (!own || typeof input !== 'object' || input === null || Array.isArray(input)) return { filled: input, kept: {} };
  const fields = Object.entries(input);
  return {
    filled: Object.fromEntries(fields.filter(([key]) => !own.includes(key))),
    kept: Object.fromEntries(fields.filter(([key]) => own.includes(key))),
  };
}
