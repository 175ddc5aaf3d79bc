/** A rule for all tools of a source, or for each by name. */
export type RuleByName<Rule> = Rule | Record<string, Rule> | undefined;

/** The rule for a tool: of names with `*`, the first that fits. */
export function ruleFor<Rule extends string>(rules: RuleByName<Rule>, ...names: string[]): Rule | undefined {
  if (typeof rules !== 'object') return rules;
  return Object.entries(rules).find(([pattern]) => fits(pattern, names))?.[1];
}

/** Whether a tool is among those a config wants. */
export function isWanted(
  { include, exclude }: { include?: string[]; exclude?: string[] },
  ...names: string[]
): boolean {
  const isNamed = (patterns: string[]) => patterns.some((pattern) => fits(pattern, names));
  return (include === undefined || isNamed(include)) && !(exclude !== undefined && isNamed(exclude));
}

/** `*` stands for any text, also none. */
function fits(pattern: string, names: string[]): boolean {
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  const whole = new RegExp(`^${parts.join('.*')}$`);
  return names.some((name) => whole.test(name));
}
