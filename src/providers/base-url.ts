/** Where the SDKs go when no address is given. */
export const OFFICIAL_BASE_URLS = {
  openai: 'https://api.openai.com/v1',
  anthropic: 'https://api.anthropic.com',
  gemini: 'https://generativelanguage.googleapis.com',
} as const;

const VERSION = /^v\d+(alpha|beta)?\d*$/;
const ENDPOINT = /\/(chat\/completions|responses|messages|models)\/?$/;

/** For the `openai` SDK, which adds `/responses`: with a version, `/v1` where the address names none. */
export function openAiBaseUrl(given: string | undefined): string {
  const url = trimmed(given ?? OFFICIAL_BASE_URLS.openai);
  return new URL(url).pathname.split('/').some((segment) => VERSION.test(segment)) ? url : `${url}/v1`;
}

/** For the Anthropic and Google SDKs, which add the version themselves. */
export function versionlessBaseUrl(given: string): string {
  return trimmed(given).replace(/\/v\d+(alpha|beta)?\d*$/, '');
}

/** True if requests go to the provider itself, and not to a gateway or a local server. */
export function isOfficial(kind: keyof typeof OFFICIAL_BASE_URLS, given: string | undefined): boolean {
  return given === undefined || new URL(given).host === new URL(OFFICIAL_BASE_URLS[kind]).host;
}

/** Without trailing slashes, and without the endpoint some people copy along. */
function trimmed(url: string): string {
  return url.replace(/\/+$/, '').replace(ENDPOINT, '').replace(/\/+$/, '');
}
