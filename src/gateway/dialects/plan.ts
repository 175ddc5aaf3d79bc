import { ANSWERING_PATTERNS, type Models } from '../../client/models.ts';
import {
  type AgentResult,
  type AskInput,
  type AskResult,
  type BestOfResult,
  type CouncilResult,
  type JsonSchema,
  type Message,
  type PatternName,
  partsOf,
  type RequestSettings,
  type ToolChoice,
  type ToolDefinition,
  textOf,
  withoutUndefined,
} from '../../contract/index.ts';
import type { Answered } from './answered.ts';
import { type ParamNames, unsupported } from './errors.ts';

/** What a request of any dialect asks. */
export interface Asked {
  messages: Message[];
  /** before the system messages */
  system?: string;
  tools?: ToolDefinition[];
  toolChoice?: ToolChoice;
  parallelTools?: boolean;
  schema?: JsonSchema;
  settings: RequestSettings;
  keepsPrefix?: boolean;
}

/** The run that answers it. */
export interface Plan {
  pattern: PatternName;
  input: unknown;
  /** single calls are one activity, without a workflow */
  lane?: 'direct';
  /** whose words are the answer, as they come */
  step?: string;
  holds: boolean;
  answerOf(result: unknown): Omit<Answered, 'costUsd'>;
}

/** Patterns whose runs make one answer. */
const ANSWERING = ['ask', 'agent', ...ANSWERING_PATTERNS] as string[];
/** What Anthropic's clients cannot leave out. */
const MANDATORY = 'max_tokens';
const MOST_MEMBERS = 16;
/** Answers a `best-of` chooses among. */
const SAMPLES = 3;
/** The one step of `ask` that answers. */
const ASK_STEP = 'ask';

/**
 * What a model's name and a request come to: a single call, or a pattern that answers a question.
 * @param params what the caller calls the fields of `Asked`
 * @throws CadenzaError NotFound for a name nobody knows, ProblemError for what a pattern cannot be asked
 */
export function planOf(models: Models, model: string, asked: Asked, params: ParamNames): Plan {
  const meaning = models.find(model);
  if ('agent' in meaning) {
    refuseSettings(asked, params, 'agent');
    const { description: _, ...agent } = meaning.agent;
    const input = withoutUndefined({ ...agent, messages: withSystem(asked) });
    return { ...planAgain('agent', input), pattern: 'agent', input };
  }
  if ('pattern' in meaning) {
    refuseSettings(asked, params, meaning.pattern);
    return meaning.pattern === 'council'
      ? councilPlan(meaning.policy.candidates, asked, params)
      : bestOfPlan(meaning.policy, asked);
  }
  const { checksAnswers, ...choice } = meaning;
  const { settings, toolChoice, ...rest } = asked;
  const input: AskInput = withoutUndefined({
    ...rest,
    ...choice,
    toolChoice: asked.tools?.length ? toolChoice : undefined,
    settings: hasAny(settings) ? withoutUndefined(settings) : undefined,
  });
  // A cascade asks by other steps than `ask`: its answer comes with the result.
  return { ...planAgain('ask', input, checksAnswers), pattern: 'ask', lane: 'direct', input };
}

function councilPlan(members: string[], { messages, system }: Asked, params: ParamNames): Plan {
  const [first] = members;
  if (members.length < 2) {
    const detail = 'A council needs at least two members, and this name stands for one model.';
    throw unsupported(params.policy ?? 'model', detail, 'Name them: council:fast,strong');
  }
  const input = withoutUndefined({
    prompt: asPrompt(messages, params),
    system: systemOf({ messages, system }),
    members: members.slice(0, MOST_MEMBERS),
    chairman: first!,
  });
  return { ...planAgain('council', input), pattern: 'council', input };
}

function bestOfPlan(policy: object, { messages, system }: Asked): Plan {
  const input = withoutUndefined({ messages, system, policy, n: SAMPLES, judge: policy });
  return { ...planAgain('best-of', input), pattern: 'best-of', input };
}

/** How the answer of a run that was started before is read. @param checksAnswers guardrails look at it first */
export function planAgain(pattern: string, input: unknown, checksAnswers = true): Omit<Plan, 'lane' | 'pattern'> {
  const isAsk = pattern === 'ask';
  return {
    input,
    step: isAsk ? ASK_STEP : undefined,
    holds: !isAsk || checksAnswers,
    answerOf: (result) => answeredBy(replyOf(pattern, result), (input as Partial<AskInput>).schema !== undefined),
  };
}

export function makesAnswer({ pattern }: { pattern: string }): boolean {
  return ANSWERING.includes(pattern);
}

/**
 * What a run of a pattern that answers has said. Only a single call hands the tools its model wants used to whoever
 * asked: those of an agent it has used itself.
 */
export function replyOf(pattern: string, result: unknown): AskResult {
  if (pattern === 'council') return (result as CouncilResult).final;
  if (pattern === 'best-of') return (result as BestOfResult).best;
  if (pattern !== 'agent') return result as AskResult;
  const { text, object, model, usage, costUsd, finishReason } = result as AgentResult;
  return { text, object, model, usage, costUsd, finishReason: finishReason === 'toolCalls' ? 'stop' : finishReason };
}

function answeredBy({ model, text, object, usage, finishReason, toolCalls = [] }: AskResult, isJson: boolean) {
  return {
    model,
    text: isJson && object !== undefined ? JSON.stringify(object) : text,
    reasoning: '',
    toolCalls: toolCalls.map(({ id, name, arguments: args }) => ({ id, name, input: JSON.stringify(args) })),
    usage,
    finishReason,
  };
}

/** A pattern makes its own requests: what would only hold for one call cannot be kept. */
function refuseSettings(
  { messages: _, system: __, settings, keepsPrefix: ___, ...rest }: Asked,
  params: ParamNames,
  name: string,
) {
  const given = [
    ...Object.entries(rest),
    ...Object.entries(settings).map(([field, value]) => [`settings.${field}`, value] as const),
  ].find(([name, value]) => value !== undefined && params[name] !== MANDATORY);
  if (!given) return;
  const [field] = given;
  throw unsupported(params[field] ?? field, `The pattern ${name} does not take it.`, 'Leave it out, or name a model.');
}

/** What an agent is told of itself stands in the config: what the request says of it comes before the conversation. */
function withSystem({ messages, system }: Asked): Message[] {
  return system === undefined ? messages : [{ role: 'system', content: system }, ...messages];
}

function systemOf({ messages, system }: Pick<Asked, 'messages' | 'system'>): string | undefined {
  const said = messages.filter(({ role }) => role === 'system').map(textOf);
  const texts = system === undefined ? said : [system, ...said];
  return texts.length === 0 ? undefined : texts.join('\n\n');
}

/** A conversation as one prompt: who said what, in order. */
function asPrompt(messages: Message[], params: ParamNames): string {
  const said = messages.filter(({ role }) => role !== 'system');
  if (said.some((message) => partsOf(message).some(({ type }) => type !== 'text'))) {
    throw unsupported(params.messages ?? 'messages', 'A council reads text only.');
  }
  if (said.length === 1) return textOf(said[0]!);
  return said.map((message) => `${message.role === 'user' ? 'User' : 'Assistant'}: ${textOf(message)}`).join('\n\n');
}

function hasAny(settings: object): boolean {
  return Object.values(settings).some((value) => value !== undefined);
}
