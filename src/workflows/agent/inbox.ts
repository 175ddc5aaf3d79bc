import {
  CancellationScope,
  condition,
  currentUpdateInfo,
  defineSignal,
  defineUpdate,
  setHandler,
  TemporalFailure,
} from '@temporalio/workflow';
import {
  type CallError,
  type Duration,
  durationMs,
  GIVE_TOOL_RESULT,
  GivenToolResult,
  invalidRequest,
  type Message,
  SendMessage,
  STEER_AGENT,
  STOP_AGENT,
  type ToolResultInput,
} from '../../contract/index.ts';
import { failure, stepFailed } from '../failures.ts';
import { host, perRun } from '../host.ts';
import { record } from '../run.ts';
import { takeCancelledSteps } from '../steps/call-model.ts';

const steerByUpdate = defineUpdate<{ taken: true }, [SendMessage]>(STEER_AGENT);
const steerBySignal = defineSignal<[SendMessage, id?: string]>(STEER_AGENT);
const stopBySignal = defineSignal(STOP_AGENT);
const resultByUpdate = defineUpdate<{ toolCall: string }, [GivenToolResult]>(GIVE_TOOL_RESULT);
const resultBySignal = defineSignal<[GivenToolResult]>(GIVE_TOOL_RESULT);

/** A message that comes again is known by its id among so many, in the histories that follow. */
const KNOWN_AT_MOST = 500;

/** What people and clients say to the agents of a run while they work. */
export interface AgentInbox {
  /** Messages that came since, in order; the next turn reads them. */
  takeMessages(): Message[];
  hasMessages(): boolean;
  /** Ids of the messages that came, for the next history: none is heard twice. */
  known(): string[];
  /** Does the work, unless it is told to stop: what is in flight is then aborted, and its steps have failed. */
  untilStopped<Result>(work: () => Promise<Result>): Promise<Result | 'stopped'>;
  /** Takes no further messages: nobody would read them. */
  close(): void;
  /** What a client gives for a tool call, once it does. @returns undefined if nobody did for so long */
  resultOf(toolCall: string, patience: Duration | undefined): Promise<ToolResultInput | undefined>;
}

interface Heard {
  messages: Message[];
  known: Set<string>;
  scopes: Set<CancellationScope>;
  /** results the run waits for, by the tool call's id */
  awaited: Map<string, ToolResultInput | undefined>;
  /** tool calls whose results came */
  answered: Set<string>;
  stopped: boolean;
  isClosed: boolean;
}

/** The same as a client says of a run that has ended, whose end is being written meanwhile. */
const ENDED: CallError = { type: 'Cancelled', message: 'The run ends, and takes no further message' };

const hasResult = (toolCall: string): CallError => ({
  type: 'Cancelled',
  message: `The tool call "${toolCall}" has its result already`,
  path: 'toolCall',
});

const heard = perRun((known: string[]): Heard => {
  const inbox: Heard = {
    messages: [],
    known: new Set(known),
    scopes: new Set(),
    awaited: new Map(),
    answered: new Set(),
    stopped: false,
    isClosed: false,
  };
  listen(inbox);
  return inbox;
});

/** One inbox a run, however many agents it has. @param known of the history before */
export function openInbox(known: string[] = []): AgentInbox {
  const inbox = heard(known);
  const { messages, scopes, awaited } = inbox;
  return {
    takeMessages: () => messages.splice(0),
    hasMessages: () => messages.length > 0,
    known: () => [...inbox.known].slice(-KNOWN_AT_MOST),
    async untilStopped(work) {
      if (inbox.stopped) return 'stopped';
      const scope = new CancellationScope({ cancellable: true });
      scopes.add(scope);
      try {
        return await scope.run(work);
      } catch (thrown) {
        // Cancelled, or lost with its worker, which what was to be cancelled is not made again for.
        if (!inbox.stopped || !(thrown instanceof TemporalFailure)) throw thrown;
        await endSteps(takeCancelledSteps());
        return 'stopped';
      } finally {
        scopes.delete(scope);
      }
    },
    close() {
      inbox.isClosed = true;
    },
    async resultOf(toolCall, patience) {
      if (!awaited.has(toolCall)) awaited.set(toolCall, undefined);
      const isGiven = () => awaited.get(toolCall) !== undefined;
      if (patience === undefined) await condition(isGiven);
      else await condition(isGiven, durationMs(patience));
      const given = awaited.get(toolCall);
      awaited.delete(toolCall);
      return given;
    },
  };
}

/** Tells readers that somebody stopped steps. */
export async function endSteps(steps: string[]): Promise<void> {
  if (steps.length === 0) return;
  const events = steps.map((step) => stepFailed(step, { type: 'Cancelled', message: 'This step was stopped', step }));
  // An agent of a plan is stopped with the plan, which is cancelled around it.
  await host().nonCancellable(() => record(events));
}

function listen(inbox: Heard): void {
  const { messages, known, scopes, awaited, answered } = inbox;
  const hear = ({ text }: SendMessage, id?: string) => {
    if (id !== undefined && known.has(id)) return;
    if (id !== undefined) known.add(id);
    messages.push({ role: 'user', content: text });
  };
  setHandler(
    steerByUpdate,
    (message) => {
      hear(message, currentUpdateInfo()!.id);
      return { taken: true };
    },
    {
      description: 'A message the agent reads at its next turn: {text}',
      validator(message) {
        const parsed = SendMessage.safeParse(message);
        if (!parsed.success) throw failure(invalidRequest(parsed.error, ''));
        if (inbox.isClosed) throw failure(ENDED);
      },
    },
  );
  setHandler(steerBySignal, (message, id) => {
    if (SendMessage.safeParse(message).success) hear(message, id);
  });
  setHandler(stopBySignal, () => {
    inbox.stopped = true;
    for (const scope of scopes) scope.cancel();
  });
  const take = ({ toolCall, given }: GivenToolResult) => {
    awaited.set(toolCall, given);
    answered.add(toolCall);
    return { toolCall };
  };
  setHandler(resultByUpdate, take, {
    description: 'The result of a tool the client runs: {toolCall, given: {result | error}}',
    validator(given) {
      const parsed = GivenToolResult.safeParse(given);
      if (!parsed.success) throw failure(invalidRequest(parsed.error, ''));
      const { toolCall } = parsed.data;
      if (awaited.has(toolCall) && awaited.get(toolCall) === undefined) return;
      if (answered.has(toolCall)) throw failure(hasResult(toolCall));
      const waiting = [...awaited].flatMap(([id, result]) => (result === undefined ? [id] : []));
      throw failure({
        type: 'InvalidRequest',
        message: `This run waits for no result of a tool call "${toolCall}". It waits for: ${waiting.join(', ') || 'none'}`,
        path: 'toolCall',
      });
    },
  });
  // Kept while no worker is there; it may come before the run knows that it will ask.
  setHandler(resultBySignal, (given) => {
    const parsed = GivenToolResult.safeParse(given);
    if (parsed.success && awaited.get(parsed.data.toolCall) === undefined) take(parsed.data);
  });
}
