import { ANSWERED, MARKER } from './replies.ts';

const MODELS = ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5-5', 'gemini/gemini-3.8-flash'];
const LANES = ['standard', 'fast', 'direct'] as const;
const COLLECTION = 'storm';
const TURNS = 3;
export const POOR = 'poor';

/** One run of the storm. */
export interface StormRun {
  /** also the marker in its texts */
  id: string;
  pattern: string;
  input: object;
  tenant: string;
  /** messages of a conversation, one after the other */
  messages?: string[];
  /** a person has to say yes to what it shows */
  approves?: boolean;
}

type Make = (marker: string, policy: object) => Pick<StormRun, 'input' | 'messages' | 'approves'>;

const members = MODELS;
const JUDGE = MODELS[1];

/** Every pattern, as it is started over HTTP. */
const PATTERNS: Record<string, Make> = {
  ask: (marker, policy) => ({ input: { prompt: `Tell of ${marker}.`, policy } }),
  embed: (marker) => ({ input: { texts: [`A text of ${marker}.`], model: 'openai/text-embedding-3-small' } }),
  chain: (marker, policy) => ({
    input: {
      policy,
      input: { topics: ['one', 'two'] },
      steps: [
        { id: 'each', prompt: `About {{item}} in ${marker}`, forEach: '{{input.topics}}' },
        {
          id: 'both',
          parallel: [
            { id: 'left', prompt: 'Left of {{steps.each.text}}' },
            { id: 'right', prompt: 'Right of {{steps.each.text}}' },
          ],
        },
        { id: 'inner', pattern: 'ask', input: { prompt: 'Inside {{steps.left.text}}', policy } },
        { id: 'end', prompt: 'End {{steps.right.text}}' },
      ],
    },
  }),
  compare: (marker) => ({ input: { prompt: `Compare ${marker}.`, models: members, judge: JUDGE, merge: JUDGE } }),
  council: (marker) => ({ input: { prompt: `Discuss ${marker}.`, members, chairman: JUDGE } }),
  'best-of': (marker, policy) => ({ input: { prompt: `A name for ${marker}.`, policy, n: 2, judge: JUDGE } }),
  debate: (marker) => ({
    input: {
      ...{ question: `Tea or wine for ${marker}?`, rounds: 2, judge: JUDGE },
      debaters: [{ model: MODELS[0] }, { model: MODELS[1] }],
    },
  }),
  map: (marker, policy) => ({
    input: {
      ...{ pattern: 'ask', concurrency: 4, input: { prompt: `Row {{item.x}} of ${marker}`, policy } },
      items: Array.from({ length: 8 }, (_, x) => ({ x })),
    },
  }),
  conversation: (marker, policy) => ({
    input: { policy, historyTurns: 2 },
    messages: Array.from({ length: TURNS }, (_, turn) => `Message ${turn} of ${marker}`),
  }),
  agent: (marker, policy) => ({ input: { task: `Look and pay for ${marker}`, tools: ['look_up', 'pay'], policy } }),
  crew: (marker, policy) => ({
    input: {
      agents: { writer: { role: 'Writer', goal: 'Write of {topic}' }, reader: { role: 'Reader', goal: 'Read' } },
      tasks: {
        list: { description: 'List {topic}', agent: 'reader', async: true },
        article: { description: 'Write it of {topic}', agent: 'writer' },
      },
      ...{ inputs: { topic: marker }, policy },
    },
  }),
  plan: (marker, policy) => ({
    input: { goal: `Reach ${marker}`, tools: ['look_up'], policy, approve: true },
    approves: true,
  }),
  ingest: (marker) => ({
    input: {
      collection: `of-${marker}`,
      sources: Array.from({ length: 3 }, (_, nth) => ({
        name: `page ${nth}`,
        text: `# ${nth}\n\nA page of ${marker}.`,
      })),
      embeddings: 'openai/text-embedding-3-small',
    },
  }),
  answer: (marker, policy) => ({
    input: { collection: COLLECTION, question: `Why do rivers bend in ${marker}?`, policy },
  }),
};

/** What a tenant's questions are answered from. */
export function library(tenant: string, nth: number): StormRun {
  const sources = [{ name: 'rivers', text: '# Rivers\n\nRivers bend because water runs faster outside.' }];
  const input = { collection: COLLECTION, embeddings: 'openai/text-embedding-3-small', sources };
  return { id: `storm-library-${String(nth).padStart(4, '0')}`, pattern: 'ingest', tenant, input };
}

/** Runs of all patterns in turn: lanes and models change from round to round. @param from number of the first */
export function stormRuns(count: number, from: number, tenantOf: (nth: number) => string): StormRun[] {
  const names = Object.keys(PATTERNS);
  return Array.from({ length: count }, (_, index) => {
    const nth = from + index;
    const pattern = names[nth % names.length]!;
    const round = Math.floor(nth / names.length);
    const id = `storm-${pattern}-${String(nth).padStart(4, '0')}`;
    const lane = LANES[round % LANES.length];
    const policy = { candidates: [MODELS[Math.floor(round / LANES.length) % MODELS.length]], cache: false, lane };
    return { id, pattern, tenant: tenantOf(nth), ...PATTERNS[pattern]!(id, policy) };
  });
}

/** So many of `stormRuns` are one of each pattern. */
export const PATTERN_COUNT = Object.keys(PATTERNS).length;

/** Runs of a tenant that cannot pay for all of them. */
export function poorRuns(count: number): StormRun[] {
  return Array.from({ length: count }, (_, nth) => {
    const id = `storm-poor-${String(nth).padStart(4, '0')}`;
    const policy = { candidates: [MODELS[0]], cache: false, maxOutputTokens: 60 };
    return { id, pattern: 'ask', tenant: POOR, input: { prompt: `Tell of ${id}.`, policy } };
  });
}

/** Fields that say when, how long, by which id or which model, and not what. */
const OF_ONE_RUN = /^(firstTokenMs|totalMs|output|id|interrupted|model|costUsd|document|chunk|hash)$/;

/** A result without what differs between two runs of a pattern that both went well. */
export function essenceOf(result: unknown): string {
  const text = JSON.stringify(result, (name, value: unknown) =>
    OF_ONE_RUN.test(name) && typeof value !== 'object' ? undefined : value,
  );
  return text
    .replaceAll(new RegExp(MARKER, 'g'), 'storm')
    .replaceAll(new RegExp(ANSWERED, 'g'), '#')
    .replaceAll(/Worth \d/g, 'Worth')
    .replaceAll(new RegExp(MODELS.join('|'), 'g'), 'model');
}
