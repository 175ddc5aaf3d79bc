import type { z } from 'zod';
import { later } from '../later.ts';
import { AgentInput, AgentResult } from './agent.ts';
import { AnswerInput, AnswerResult } from './answer.ts';
import { AskInput, AskResult } from './ask.ts';
import { BestOfInput, BestOfResult } from './best-of.ts';
import { ChainResult, chainInput } from './chain.ts';
import type { ChainPatterns } from './chain-check.ts';
import { CompareInput, CompareResult } from './compare.ts';
import { ConversationInput, ConversationResult } from './conversation.ts';
import { CouncilInput, CouncilResult } from './council.ts';
import { CrewInput, CrewResult } from './crew.ts';
import { DebateInput, DebateResult } from './debate.ts';
import { EmbedInput, EmbedResult } from './embed.ts';
import { IngestInput, IngestResult } from './ingest.ts';
import { MapResult, mapInput } from './map.ts';
import { PlanInput, PlanResult } from './plan.ts';

/** The patterns that run from JSON alone, by their workflow type. */
export const PATTERNS = {
  agent: {
    input: AgentInput,
    result: AgentResult,
    summary: 'A model that works on a task with tools, turn by turn, until it is done',
  },
  ask: { input: AskInput, result: AskResult, summary: 'Ask one question of the first candidate that can answer it' },
  chain: {
    input: later(() => chainInput(allPatterns)),
    result: ChainResult,
    summary: 'Steps in order, at once, in loops and under conditions, each using what earlier ones gave',
  },
  compare: { input: CompareInput, result: CompareResult, summary: 'Ask several models at once and keep every answer' },
  conversation: {
    input: ConversationInput,
    result: ConversationResult,
    summary: 'A long talk with a model, message by message, that keeps its context within a limit',
  },
  council: {
    input: CouncilInput,
    result: CouncilResult,
    summary: 'Models answer, rank each other without names, and a chairman writes the final answer',
  },
  crew: {
    input: CrewInput,
    result: CrewResult,
    summary: 'Agents with roles do tasks, one after the other or as a manager gives them out, and check the answers',
  },
  debate: {
    input: DebateInput,
    result: DebateResult,
    summary:
      'Models answer, read each other without names and answer again, until they agree, a judge decides or they vote',
  },
  embed: { input: EmbedInput, result: EmbedResult, summary: 'Make vectors of texts' },
  map: {
    input: later(() => mapInput(allPatterns)),
    result: MapResult,
    summary: 'Run a pattern for each row of a data set, so many at once, and list what became of them',
  },
  ingest: {
    input: IngestInput,
    result: IngestResult,
    summary: 'Read files, folders and addresses into a collection that questions are answered from',
  },
  answer: {
    input: AnswerInput,
    result: AnswerResult,
    summary: 'Answer a question from a collection of documents, with citations that were found in them',
  },
  plan: {
    input: PlanInput,
    result: PlanResult,
    summary: 'A planner makes a plan of a goal, agents carry it out with tools, and it is made anew where a step fails',
  },
  'best-of': { input: BestOfInput, result: BestOfResult, summary: 'Ask the same n times, and keep the best answer' },
} as const;

export type PatternName = keyof typeof PATTERNS;
export type PatternInput<Name extends PatternName> = z.input<(typeof PATTERNS)[Name]['input']>;
export type PatternResult<Name extends PatternName> = z.infer<(typeof PATTERNS)[Name]['result']>;

export function isPattern(name: string): name is PatternName {
  return Object.hasOwn(PATTERNS, name);
}

/** A chain's steps and the rows of a map may run any of them, which their checks look up once all are known. */
function allPatterns(): ChainPatterns {
  return PATTERNS;
}
