import type { CallError, RunEvent, Usage } from '../../contract/index.ts';
import { plainText } from '../output.ts';

/** One model call as its reader sees it now. */
export interface CallView {
  call: string;
  step: string;
  model: string;
  /** the attempt whose text this is */
  epoch: number;
  text: string;
  phase: 'waiting' | 'thinking' | 'writing' | 'retrying' | 'done' | 'failed';
  /** ms since 1970 */
  startedAt: number;
  firstTokenMs?: number;
  totalMs?: number;
  usage?: Usage;
  costUsd?: number | null;
  cached: boolean;
  error?: CallError;
}

/** What the events of a run tell so far, call by call in the order they began. */
export interface Transcript {
  pattern?: string;
  startedAt?: number;
  endedAt?: number;
  calls: CallView[];
  /** who does a step, in a crew */
  agents: Record<string, string>;
}

export const EMPTY_TRANSCRIPT: Transcript = { calls: [], agents: {} };

/** The transcript after one more event. Text of an attempt that failed is dropped. */
export function withEvent(transcript: Transcript, event: RunEvent): Transcript {
  const at = Date.parse(event.at);
  switch (event.type) {
    case 'run.started':
      return { ...transcript, pattern: event.pattern, startedAt: at };
    case 'run.completed':
    case 'run.failed':
    case 'run.cancelled':
      return { ...transcript, endedAt: at };
    case 'step.started': {
      const { step, agent } = event;
      if (step === undefined || agent === undefined) return transcript;
      return { ...transcript, agents: { ...transcript.agents, [step]: agent } };
    }
    case 'call.fallback': {
      const left = transcript.calls.findLast(({ step, model }) => step === event.step && model === event.from);
      return left ? replaced(transcript, { ...left, phase: 'failed', error: event.error }) : transcript;
    }
    default:
      return event.call === undefined ? transcript : withCall(transcript, event, event.call, at);
  }
}

function withCall(transcript: Transcript, event: RunEvent, call: string, at: number): Transcript {
  const known = transcript.calls.find((view) => view.call === call);
  const epoch = event.epoch ?? known?.epoch ?? 1;
  if (known && epoch < known.epoch) return transcript;
  const view = known ? { ...known, epoch } : newCall(call, event, epoch, at);
  if (known && epoch > known.epoch) Object.assign(view, { text: '', phase: 'waiting', firstTokenMs: undefined });
  return replaced(transcript, updated(view, event, at));
}

function newCall(call: string, event: RunEvent, epoch: number, at: number): CallView {
  const model = 'model' in event ? event.model : '';
  return { call, step: event.step ?? '', model, epoch, text: '', phase: 'waiting', startedAt: at, cached: false };
}

function updated(view: CallView, event: RunEvent, at: number): CallView {
  switch (event.type) {
    case 'call.started':
      return { ...view, model: event.model, error: undefined };
    case 'call.reasoning':
      return view.phase === 'writing' ? view : { ...view, phase: 'thinking' };
    case 'call.delta': {
      const firstTokenMs = view.firstTokenMs ?? at - view.startedAt;
      return { ...view, phase: 'writing', text: view.text + plainText(event.text), firstTokenMs };
    }
    case 'call.retrying':
      return { ...view, phase: 'retrying', error: event.error };
    case 'call.cached':
      return { ...view, model: event.model, cached: true, usage: event.usage, costUsd: 0 };
    case 'call.abandoned':
      return { ...view, phase: 'failed', text: '', usage: event.usage, costUsd: event.costUsd };
    case 'call.completed': {
      const { model, usage, costUsd, cached = view.cached } = event;
      const times = { firstTokenMs: event.firstTokenMs ?? view.firstTokenMs, totalMs: event.totalMs };
      return { ...view, ...times, phase: 'done', model, usage, costUsd, cached, error: undefined };
    }
    default:
      return view;
  }
}

function replaced(transcript: Transcript, view: CallView): Transcript {
  const known = transcript.calls.some(({ call }) => call === view.call);
  const calls = known
    ? transcript.calls.map((each) => (each.call === view.call ? view : each))
    : [...transcript.calls, view];
  return { ...transcript, calls };
}
