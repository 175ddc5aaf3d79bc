import type { Cadenza } from '../../../client/cadenza.ts';
import { CadenzaError } from '../../../client/errors.ts';
import type { AgentInput, AskInput, AskResult, Message, Part } from '../../../contract/index.ts';
import { unsupported } from '../errors.ts';
import { makesAnswer, replyOf } from '../plan.ts';
import type { ResponsesRequest } from './request.ts';

type Client = Pick<Cadenza, 'show' | 'input' | 'outcome'>;

/** What a request goes on from, and what the items it names stand for. */
export interface Earlier {
  before: Message[];
  referenced: Map<string, Part[]>;
}

const ITEM = /^(msg|rs|fc)_([0-9a-f]+)(?:_(\d+))?$/;

/** @throws ProblemError where an earlier response is not there, or has no answer */
export async function earlierOf(client: Client, request: ResponsesRequest, references: string[]): Promise<Earlier> {
  const answers = new Map<string, Promise<AskResult>>();
  const answerOf = (id: string, param: string) => {
    const found = answers.get(id) ?? resultOf(client, id, param);
    answers.set(id, found);
    return found;
  };
  const { previous_response_id: previous } = request;
  const before: Message[] = [];
  if (previous) {
    const answer = said(partsOf(await answerOf(previous, 'previous_response_id')));
    before.push(...(await questionOf(client, previous)), ...answer);
  }
  const referenced = new Map<string, Part[]>();
  for (const id of references) {
    const [, kind, response, index = '0'] = ITEM.exec(id) ?? [];
    if (response === undefined) throw unsupported('input', `No item has the id "${id}".`);
    const parts = partsOf(await answerOf(`resp_${response}`, 'input'));
    referenced.set(id, ofKind(kind!, parts, Number(index)));
  }
  return { before, referenced };
}

async function questionOf(client: Client, id: string): Promise<Message[]> {
  const { input } = await found(client.input(id), id, 'previous_response_id');
  const { messages, prompt, task } = input as Pick<AskInput, 'messages' | 'prompt'> & Pick<AgentInput, 'task'>;
  return messages ?? [{ role: 'user', content: prompt ?? task ?? '' }];
}

async function resultOf(client: Client, id: string, param: string): Promise<AskResult> {
  const run = await found(client.show(id), id, param);
  if (!makesAnswer(run)) throw unsupported(param, `There is no response "${id}".`);
  const outcome = await found(client.outcome(id), id, param);
  if (outcome.status !== 'completed') {
    throw unsupported(param, `The response "${id}" has no answer: it is ${outcome.status}.`);
  }
  return replyOf(run.pattern, outcome.result);
}

async function found<Value>(asked: Promise<Value>, id: string, param: string): Promise<Value> {
  try {
    return await asked;
  } catch (thrown) {
    if (!(thrown instanceof CadenzaError) || thrown.code !== 'NotFound') throw thrown;
    throw unsupported(param, `There is no response "${id}".`);
  }
}

/** An answer as it is sent back to the model. */
function partsOf({ text, reasoning, reasoningSignature, toolCalls = [] }: AskResult): Part[] {
  return [
    ...(reasoningSignature === undefined
      ? []
      : [{ type: 'reasoning' as const, text: reasoning ?? '', signature: reasoningSignature }]),
    ...(text === '' ? [] : [{ type: 'text' as const, text }]),
    ...toolCalls,
  ];
}

function said(parts: Part[]): Message[] {
  return parts.length === 0 ? [] : [{ role: 'assistant', content: parts }];
}

function ofKind(kind: string, parts: Part[], index: number): Part[] {
  if (kind === 'msg') return parts.filter(({ type }) => type === 'text');
  if (kind === 'rs') return parts.filter(({ type }) => type === 'reasoning');
  const call = parts.filter(({ type }) => type === 'toolCall')[index];
  return call ? [call] : [];
}
