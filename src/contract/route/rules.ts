import type { RouteDecision, RouteFacts } from './decision.ts';
import type { RulesRoute } from './definition.ts';
import type { RoutePredicate } from './predicate.ts';

/** What rules are decided with beside the facts: each looked at only by rules that ask for it. */
export interface RuleSenses {
  /** ISO 639-1; undefined where it cannot be told */
  language(text: string): string | undefined;
  /** true if the regular expression is found in the text */
  matches(pattern: string, text: string): boolean;
}

/** The first rule that holds; else the default. */
export function decideByRules(route: RulesRoute, facts: RouteFacts, senses: RuleSenses): RouteDecision {
  const rejected: RouteDecision['rejected'] = [];
  for (const [index, { when, choose, reason }] of route.rules.entries()) {
    const against = reasonAgainst(when, facts, senses);
    if (against === undefined) {
      return { choice: choose, reason: reason ?? `Rule ${index + 1}: ${inWords(when)}`, rejected };
    }
    rejected.push({ choice: choose, reason: `Rule ${index + 1}: ${against}` });
  }
  return { choice: route.default, reason: 'No rule holds, so the default is taken', rejected };
}

/** Why a predicate does not hold; undefined if it does. The costly senses come last. */
function reasonAgainst(when: RoutePredicate, facts: RouteFacts, senses: RuleSenses): string | undefined {
  const { tokens, code, images, tenant, metadata = {}, text } = facts;
  if (when.minTokens !== undefined && tokens < when.minTokens)
    return `${round(tokens)} tokens, below ${when.minTokens}`;
  if (when.maxTokens !== undefined && tokens > when.maxTokens)
    return `${round(tokens)} tokens, above ${when.maxTokens}`;
  if (when.code !== undefined && code !== when.code) return code ? 'it has code' : 'it has no code';
  if (when.images !== undefined && images !== when.images) return images ? 'it has images' : 'it has no images';
  if (when.tenant !== undefined && !isOneOf(when.tenant, tenant)) return `the tenant is ${tenant ?? 'not given'}`;
  for (const [field, wanted] of Object.entries(when.metadata ?? {})) {
    const given = Object.hasOwn(metadata, field) ? metadata[field] : undefined;
    if (!isOneOf(wanted, given))
      return `metadata.${field} is ${given === undefined ? 'not given' : JSON.stringify(given)}`;
  }
  if (when.matches !== undefined && !senses.matches(when.matches, text)) return `/${when.matches}/ is not found`;
  if (when.language === undefined) return undefined;
  const language = senses.language(text);
  return isOneOf(when.language, language) ? undefined : `its language is ${language ?? 'not clear'}`;
}

function isOneOf(wanted: unknown, given: unknown): boolean {
  return (Array.isArray(wanted) ? wanted : [wanted]).includes(given);
}

function inWords(when: RoutePredicate): string {
  const { minTokens, maxTokens, language, code, images, tenant, metadata = {}, matches } = when;
  const said = [
    minTokens === undefined ? undefined : `at least ${minTokens} tokens`,
    maxTokens === undefined ? undefined : `at most ${maxTokens} tokens`,
    code === undefined ? undefined : code ? 'has code' : 'has no code',
    images === undefined ? undefined : images ? 'has images' : 'has no images',
    tenant === undefined ? undefined : `tenant ${listed(tenant)}`,
    ...Object.entries(metadata).map(([field, wanted]) => `metadata.${field} ${listed(wanted)}`),
    language === undefined ? undefined : `language ${listed(language)}`,
    matches === undefined ? undefined : `/${matches}/ found`,
  ];
  return said.filter((words) => words !== undefined).join(', ');
}

function listed(wanted: unknown): string {
  return Array.isArray(wanted) ? wanted.join(' or ') : String(wanted);
}

function round(tokens: number): number {
  return Math.round(tokens);
}
