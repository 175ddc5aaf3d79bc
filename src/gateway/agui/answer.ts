import type { ResumeEntry, RunAgentInput } from '@ag-ui/core';
import { z } from 'zod';
import type { Cadenza } from '../../client/cadenza.ts';
import { CadenzaError, refusal } from '../../client/errors.ts';
import { type ApprovalDecision, invalidRequest } from '../../contract/index.ts';
import { followParts } from '../../dialogue/follow-parts.ts';
import { agentInput, type NamedAgents } from '../named-agents.ts';
import { type Event, eventWriter } from './event-writer.ts';
import { earlierRun, idIn, placeOf, workOf } from './run-input.ts';

export interface AgUiRequest {
  client: Cadenza;
  agents: NamedAgents;
  agent: string;
  /** name of the API key */
  key?: string;
  /** whom the key stands for, as approvals know people */
  identities?: string[];
  /** @throws where the key may not approve */
  assertMayApprove(): void;
  /** goes on after the event of this number, which the client has heard */
  after: number;
  signal: AbortSignal;
}

/** The run that answers an AG-UI run: a new one, or the one that waited for this input. */
export interface Answering {
  run: string;
  /** ids of what the run was given just now */
  given: Set<string>;
}

const Payload = z.looseObject({
  approved: z.boolean(),
  comment: z.string().optional(),
  editedArgs: z.record(z.string(), z.unknown()).optional(),
});

/**
 * Begins, or goes on.
 *
 *   input --resume--> approvals of the run that waited --+
 *         --results of the client's tools--> that run ---+--> its events
 *         --else--> a new run of the agent --------------+
 *
 * @throws CadenzaError for what is not usable; what a `resume` gets wrong has the path `resume`
 */
export async function answeringRun(input: RunAgentInput, request: AgUiRequest): Promise<Answering> {
  const { client, agents, agent, key } = request;
  const { resume = [] } = input;
  const earlier = earlierRun(input);
  const waiting = resume.length > 0 ? resumedRun(resume) : earlier?.run;
  const status = waiting === undefined ? undefined : await statusOf(client, waiting);
  if (resume.length > 0 && status === undefined) throw unknownInterrupt(resume[0]!.interruptId);
  if (waiting !== undefined && status !== undefined) {
    const results = earlier?.run === waiting ? earlier.results : [];
    if (resume.length > 0 || (status === 'running' && results.length > 0)) {
      if (status === 'running') await assertCovered(client, waiting, resume);
      await giveResults(client, waiting, results);
      for (const entry of resume) await decide(request, entry);
      const approvals = resume.map(({ interruptId }) => placeOf(interruptId)!.what);
      return { run: waiting, given: new Set([...approvals, ...results.map(({ toolCall }) => toolCall)]) };
    }
    if (status === 'running') await assertCovered(client, waiting, resume);
  }
  const { threadId: thread, runId } = input;
  const started = await client.startUnchecked('agent', agentInput(agents, agent, workOf(input)), {
    id: `agui:${thread}:${runId}`,
    metadata: { agui: { thread, run: runId } },
    key,
  });
  return { run: started.id, given: new Set() };
}

/** The events of an AG-UI run, as frames. */
export async function* answerFrames(
  input: RunAgentInput,
  request: AgUiRequest,
  { run, given }: Answering,
): AsyncGenerator<string> {
  const { client, after, signal } = request;
  const writer = eventWriter(run, input);
  if (after === 0) yield framed(writer.begin(), 0);
  async function* pages(until: AbortSignal) {
    yield* (await client.follow(run, { signal: until })).pages;
  }
  for await (const followed of followParts({ pages, signal, given })) {
    if ('awaits' in followed) {
      yield framed(writer.pause(followed.awaits), followed.seq);
      return;
    }
    const frames = followed.parts.map((part) => ({ seq: part.seq, frame: framed(writer.write(part), part.seq) }));
    const news = frames.flatMap(({ seq, frame }) => (seq > after ? [frame] : [])).join('');
    if (news !== '') yield news;
  }
}

/** Several events may stand in one of the run's: a client that comes back with its number has heard all of them. */
export function framed(events: Event[], seq: number): string {
  return events
    .map((event, nth) => `data: ${JSON.stringify(event)}\n${nth === events.length - 1 ? `id: ${seq}\n` : ''}\n`)
    .join('');
}

function resumedRun(resume: ResumeEntry[]): string {
  const runs = new Set(resume.map(({ interruptId }) => placeOf(interruptId)?.run));
  const [run] = runs;
  if (run === undefined) throw unknownInterrupt(resume[0]!.interruptId);
  if (runs.size > 1) throw refusal('InvalidRequest', 'These interrupts are of several runs', { path: 'resume' });
  return run;
}

function unknownInterrupt(id: string): CadenzaError {
  return refusal('InvalidRequest', `There is no interrupt "${id}"`, {
    path: 'resume',
    hint: 'It is that of RUN_FINISHED',
  });
}

async function statusOf(client: Cadenza, run: string) {
  try {
    return (await client.show(run)).status;
  } catch (thrown) {
    if (thrown instanceof CadenzaError && thrown.code === 'NotFound') return undefined;
    throw thrown;
  }
}

/** As the specification has it, all that is asked is answered at once. */
async function assertCovered(client: Cadenza, run: string, resume: ResumeEntry[]): Promise<void> {
  const covered = new Set(resume.map(({ interruptId }) => interruptId));
  const open = (await client.approvals(run))
    .map(({ approval }) => idIn(run, approval))
    .filter((id) => !covered.has(id));
  if (open.length === 0) return;
  throw refusal('InvalidRequest', `These interrupts wait for an answer: ${open.join(', ')}`, {
    path: 'resume',
    hint: 'Give each an entry of resume, with the status cancelled where it is left',
  });
}

async function decide({ client, identities, assertMayApprove }: AgUiRequest, entry: ResumeEntry): Promise<void> {
  assertMayApprove();
  const { run, what: approval } = placeOf(entry.interruptId)!;
  const decision = decisionOf(entry);
  try {
    await unlessAnswered(client.approve(run, approval, decision, identities));
  } catch (thrown) {
    throw thrown instanceof CadenzaError && thrown.code === 'NotFound' ? unknownInterrupt(entry.interruptId) : thrown;
  }
}

function decisionOf({ status, payload }: ResumeEntry): ApprovalDecision {
  if (status === 'cancelled') return { approved: false, comment: 'Left without an answer' };
  const checked = Payload.safeParse(payload);
  if (!checked.success) {
    const { message } = invalidRequest(checked.error, 'resume.payload');
    throw refusal('InvalidRequest', message, { path: 'resume', hint: 'See the responseSchema of the interrupt' });
  }
  const { approved, comment, editedArgs } = checked.data;
  return { approved, ...(comment && { comment }), ...(editedArgs && { arguments: editedArgs }) };
}

async function giveResults(
  client: Cadenza,
  run: string,
  results: { toolCall: string; given: object }[],
): Promise<void> {
  for (const { toolCall, given } of results) await unlessAnswered(client.toolResult(run, toolCall, given));
}

/** A request that is repeated finds its answers given. */
async function unlessAnswered(answering: Promise<unknown>): Promise<void> {
  try {
    await answering;
  } catch (thrown) {
    const isGiven = thrown instanceof CadenzaError && (thrown.code === 'Conflict' || thrown.error.path === 'toolCall');
    if (!isGiven) throw thrown;
  }
}
