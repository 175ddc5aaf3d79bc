/** Text search configurations that every PostgreSQL has, by ISO 639-1. */
const CONFIGURATIONS: Record<string, string> = {
  ...{ da: 'danish', de: 'german', en: 'english', es: 'spanish', fi: 'finnish', fr: 'french', hu: 'hungarian' },
  ...{ it: 'italian', nl: 'dutch', no: 'norwegian', pt: 'portuguese', ro: 'romanian', ru: 'russian' },
  ...{ sv: 'swedish', tr: 'turkish' },
};
/** Enough to tell, characters. */
const SAMPLE = 4_000;

/** PostgreSQL's text search configuration for the language of a text (told by ELD); `simple` where there is none. */
export async function searchLanguage(text: string): Promise<string> {
  const { eld } = await import('eld/small');
  const found = eld.detect(text.slice(0, SAMPLE));
  return (found.isReliable() && CONFIGURATIONS[found.language]) || 'simple';
}
