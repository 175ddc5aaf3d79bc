import {
  type JsonSchema,
  type ModelRequest,
  oneLine,
  partsOf,
  type ToolDefinition,
  textOf,
} from '../contract/index.ts';
import { exampleOf } from './example-of-schema.ts';
import type { SandboxModel } from './sandbox-models.ts';
import { quotingAnswer } from './sandbox-quotes.ts';
import { estimateInput, estimateTokens } from './tokens.ts';

/** What a simulated model says to a request. The same request always gets the same answer. */
export interface SandboxAnswer {
  text?: string;
  toolCall?: { name: string; arguments: Record<string, unknown> };
  cutShort: boolean;
  inputTokens: number;
  outputTokens: number;
}

export function sandboxAnswer(model: SandboxModel, request: ModelRequest): SandboxAnswer {
  const inputTokens = estimateInput(request);
  const tool = toolToCall(request);
  if (tool) {
    const args = toolArguments(tool, model, promptOf(request));
    const outputTokens = estimateTokens(tool.name + JSON.stringify(args));
    return { toolCall: { name: tool.name, arguments: args }, cutShort: false, inputTokens, outputTokens };
  }
  const whole = request.schema ? JSON.stringify(objectFor(request, request.schema, model)) : words(model, request);
  const { text, cutShort } = shortened(whole, request.maxOutputTokens);
  return { text, cutShort, inputTokens, outputTokens: estimateTokens(text) };
}

function objectFor(request: ModelRequest, schema: JsonSchema, model: SandboxModel): unknown {
  return quotingAnswer(request, label(model)) ?? exampleOf(schema, label(model));
}

const label = (model: SandboxModel) => `sandbox/${model}`;

/** Three voices, so that answers side by side differ. `{topic}` is what was asked. */
const VOICES: Record<SandboxModel, string[]> = {
  gpt: [
    'In short, “{topic}” comes down to three things: what is known, what it costs, and what to do next.',
    'The facts are the easy part; the cost decides; and the next step is to try it small and measure.',
    'This is a simulated answer: set OPENAI_API_KEY to ask the real model.',
  ],
  claude: [
    'You ask about “{topic}”. Let me take that one step at a time.',
    'First I would make sure we mean the same thing by it; then I would weigh the two or three options that remain; and I would say plainly where I am not sure.',
    'This is a simulated answer: set ANTHROPIC_API_KEY to ask the real model.',
  ],
  gemini: [
    'Here is an overview of “{topic}”.',
    '• Background: where the question comes from. • Options: the usual ways to go about it. • Recommendation: begin with the simplest one.',
    'This is a simulated answer: set GEMINI_API_KEY to ask the real model.',
  ],
};

function words(model: SandboxModel, request: ModelRequest): string {
  const results = resultsOfThisTurn(request);
  const found = results.map((result) => `The tool ${result.name} said: ${oneLine(result.content, 200)}`);
  const sentences = VOICES[model].map((sentence) => sentence.replace('{topic}', topicOf(promptOf(request))));
  return [`[${label(model)}]`, ...found, ...sentences].join(' ');
}

function promptOf(request: ModelRequest): string {
  const last = request.messages.findLast((message) => message.role === 'user');
  return last ? textOf(last) : '';
}

/** The question itself: its first sentence. */
function topicOf(prompt: string): string {
  const [first = ''] = prompt.trim().split(/(?<=[.?!])\s|\n/);
  return oneLine(first, 120).replace(/[.?!:]+$/, '') || 'nothing in particular';
}

function resultsOfThisTurn(request: ModelRequest) {
  const asked = request.messages.findLastIndex((message) => message.role === 'user' && textOf(message) !== '');
  return request.messages
    .slice(Math.max(asked, 0))
    .flatMap(partsOf)
    .filter((part) => part.type === 'toolResult');
}

/** A forced tool, or one the question names; each once, so that an agent comes to its end. */
function toolToCall({ tools = [], toolChoice = 'auto', ...request }: ModelRequest): ToolDefinition | undefined {
  const results = resultsOfThisTurn(request);
  if (toolChoice === 'none') return undefined;
  if (typeof toolChoice === 'object') return tools.find((tool) => tool.name === toolChoice.name);
  const unused = tools.filter((tool) => !results.some((result) => result.name === tool.name));
  const prompt = promptOf(request).toLowerCase();
  const named = unused.find(
    (tool) => prompt.includes(tool.name.toLowerCase().replaceAll('_', ' ')) || prompt.includes(tool.name.toLowerCase()),
  );
  return named ?? (toolChoice === 'required' ? (unused[0] ?? tools[0]) : undefined);
}

/** An example of the parameters, with what the question says where a parameter's name tells what it wants. */
function toolArguments(tool: ToolDefinition, model: SandboxModel, prompt: string): Record<string, unknown> {
  const args = (exampleOf({ type: 'object', ...tool.parameters }, label(model)) ?? {}) as Record<string, unknown>;
  const told: Record<string, string | undefined> = {
    expression: /[\d(][\d\s.+\-*/^()%]*[\d)]/.exec(prompt)?.[0],
    url: /https?:\/\/[^\s"'<>]+/.exec(prompt)?.[0],
    query: topicOf(prompt),
    task: topicOf(prompt),
    question: topicOf(prompt),
  };
  for (const name of Object.keys(args)) args[name] = told[name] ?? args[name];
  return args;
}

function shortened(text: string, most: number | undefined): { text: string; cutShort: boolean } {
  const tokens = estimateTokens(text);
  if (most === undefined || tokens <= most) return { text, cutShort: false };
  let length = Math.floor((text.length * most) / tokens);
  while (length > 1 && estimateTokens(text.slice(0, length)) > most) length -= 1;
  return { text: text.slice(0, length), cutShort: true };
}
