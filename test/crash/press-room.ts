import type { ChatCompletionRequest, FixtureResponse } from '@copilotkit/aimock';
import { type MockProvider, promptOf, USAGE } from '../setup/mock-provider.ts';

/** The steps of examples/press-release, each by words that only its prompt holds. */
export const STEPS = {
  research: 'List what is known about',
  draft: 'Use these facts and no others',
  critique: 'Name what is unclear or unsupported',
  revise: 'Mend this, and change nothing else',
  headline: 'a headline of at most twelve words',
} as const;

/** What each step is answered, whatever it is asked: so the right result is known beforehand. */
export function pressReply(request: ChatCompletionRequest): FixtureResponse {
  return { content: contentOf(request), usage: USAGE };
}

function contentOf(request: ChatCompletionRequest): string {
  const prompt = promptOf(request);
  const asked = (step: keyof typeof STEPS) => prompt.includes(STEPS[step]);
  if (asked('research')) return JSON.stringify({ facts: [`fact about ${topicOf(prompt)}`] });
  if (asked('critique')) return JSON.stringify({ problems: [`unclear: ${topicOf(prompt)}`] });
  if (asked('headline')) return `Headline of ${topicOf(prompt)}`;
  if (asked('revise')) return `Revised text on ${topicOf(JSON.stringify(request.messages))}`;
  return `Draft about ${topicOf(prompt)} by ${request.model}`;
}

export function expectedRelease(topic: string) {
  return { headline: `Headline of ${topic}`, body: `Revised text on ${topic}` };
}

/** Topics are written `topic-<n>`, so that a request tells which run it belongs to. */
function topicOf(text: string): string {
  return /topic-\w+/.exec(text)?.[0] ?? 'nothing';
}

/** When a step of a topic was asked of the provider, ms since 1970. */
export function requestsFor(provider: MockProvider, topic: string, step: keyof typeof STEPS, model: string): number[] {
  return provider
    .requests()
    .filter(
      (request) =>
        request.model === model && request.text.includes(STEPS[step]) && new RegExp(`${topic}\\b`).test(request.text),
    )
    .map(({ at }) => at);
}
