import type { RuleSenses } from '../contract/index.ts';

/**
 * How rules tell a language (by its letters and their neighbours, ELD) and find a pattern (RE2: in time that grows with the
 * text alone, so that no pattern can hold up a worker). Loaded when a router first needs them.
 */
export async function ruleSenses(): Promise<RuleSenses> {
  const [{ eld }, { RE2JS }] = await Promise.all([import('eld/small'), import('re2js')]);
  return {
    language(text) {
      const found = eld.detect(text);
      return found.language === '' || !found.isReliable() ? undefined : found.language;
    },
    matches: (pattern, text) => RE2JS.compile(pattern, RE2JS.CASE_INSENSITIVE).matcher(text).find(),
  };
}
