import type { CallError, RunEvent, Verdict } from '../../contract/index.ts';
import type { ApprovalView, CallView, RunView, StepView, ToolView } from './run-view.ts';

/** What is known of a run after further events, in order. Events that were heard before change nothing. */
export function afterEvents(before: RunView, events: readonly RunEvent[]): RunView {
  const fresh = events.filter(({ seq }) => seq > before.seq);
  if (fresh.length === 0) return before;
  const { steps, calls, tools, approvals } = before;
  const view: Draft = {
    ...before,
    steps: new Map(steps),
    calls: new Map(calls),
    tools: new Map(tools),
    approvals: new Map(approvals),
  };
  for (const event of fresh) {
    hear(view, event);
    view.seq = event.seq;
    if (!WORDS.has(event.type)) view.changedAt = event.seq;
    if (UNTOLD.has(event.type) || (event.type === 'call.started' && (event.epoch ?? 1) > 1)) view.untoldAt = event.seq;
  }
  return view;
}

const WORDS = new Set<RunEvent['type']>(['call.delta', 'call.reasoning', 'call.toolcall']);
/** What ends an attempt that may have cost something, and does not say how much. */
const UNTOLD = new Set<RunEvent['type']>([
  ...(['call.retrying', 'call.fallback', 'step.failed', 'run.completed', 'run.failed', 'run.cancelled'] as const),
]);

interface Draft extends RunView {
  steps: Map<string, StepView>;
  calls: Map<string, CallView>;
  tools: Map<string, ToolView>;
  approvals: Map<string, ApprovalView>;
}

function hear(view: Draft, event: RunEvent): void {
  const at = Date.parse(event.at);
  const { step = '', call } = event;
  switch (event.type) {
    case 'run.started':
      Object.assign(view, { pattern: event.pattern, state: 'running', startedAt: at });
      break;
    case 'step.started': {
      const { agent, run, message } = event;
      stepOf(view, step, at);
      change(view.steps, step, { agent, run, message });
      break;
    }
    case 'step.completed':
      change(view.steps, step, { state: 'done', endedAt: at });
      break;
    case 'step.failed':
      stepOf(view, step, at);
      change(view.steps, step, { state: 'failed', error: event.error, endedAt: at });
      for (const [id, one] of view.calls)
        if (one.step === step && isOpen(one)) change(view.calls, id, { state: 'failed' });
      break;
    case 'call.started':
      if (call === undefined) break;
      addTo(view, step, { kind: 'call', id: call }, at);
      // Begun again after a crash: what was said before is said anew.
      view.calls.set(call, newCall(call, step, event.model, event.epoch ?? 1, at));
      break;
    case 'call.cached':
      if (call === undefined) break;
      addTo(view, step, { kind: 'call', id: call }, at);
      view.calls.set(call, { ...newCall(call, step, event.model, event.epoch ?? 1, at), cached: true });
      break;
    case 'call.delta':
    case 'call.reasoning': {
      const heard = callOf(view, event, at);
      if (!heard) break;
      const { firstTokenAt = at } = heard;
      const more =
        event.type === 'call.delta' ? { text: heard.text + event.text } : { reasoning: heard.reasoning + event.text };
      change(view.calls, heard.id, { ...more, firstTokenAt, state: 'speaking', lastAt: at, retryAt: undefined });
      break;
    }
    case 'call.toolcall': {
      const { id, name, delta = '' } = event;
      const known = view.tools.get(id);
      if (!known) addTo(view, step, { kind: 'tool', id }, at);
      const base = known ?? { id, step, tool: name, argumentsText: '', state: 'asked' as const };
      const argumentsText = base.argumentsText + delta;
      view.tools.set(id, { ...base, argumentsText, arguments: event.arguments ?? base.arguments });
      break;
    }
    case 'call.retrying': {
      const heard = call === undefined ? undefined : view.calls.get(call);
      if (!heard) break;
      const again = newCall(heard.id, heard.step, event.model, event.epoch ?? heard.epoch + 1, heard.startedAt);
      view.calls.set(heard.id, { ...again, error: event.error, retryAt: at + event.delayMs, lastAt: at });
      break;
    }
    case 'call.fallback':
      if (call !== undefined) change(view.calls, call, { state: 'failed', error: event.error });
      break;
    case 'call.abandoned':
      if (call !== undefined)
        change(view.calls, call, { state: 'abandoned', text: '', usage: event.usage, costUsd: event.costUsd });
      break;
    case 'call.completed': {
      if (call === undefined) break;
      const { model, usage, costUsd, finishReason, cached, invalid, firstTokenMs, totalMs } = event;
      if (!view.calls.has(call)) {
        addTo(view, step, { kind: 'call', id: call }, at);
        view.calls.set(call, newCall(call, step, model, event.epoch ?? 1, at));
      }
      change(view.calls, call, {
        ...{ model, usage, costUsd, finishReason, cached, invalid, firstTokenMs, totalMs },
        ...{ state: 'done' as const, lastAt: at, error: undefined, retryAt: undefined },
      });
      break;
    }
    case 'tool.started': {
      const id = event.id ?? step;
      const known = view.tools.get(id);
      if (!known) addTo(view, step, { kind: 'tool', id }, at);
      const { tool, by } = event;
      view.tools.set(id, {
        ...{ id, step, argumentsText: '', ...known },
        tool,
        arguments: event.arguments,
        by,
        state: 'running',
      });
      break;
    }
    case 'tool.completed': {
      const { result, error, interrupted } = event;
      const state = interrupted ? 'interrupted' : error ? 'failed' : 'done';
      change(view.tools, event.id ?? step, { result, error, state });
      break;
    }
    case 'approval.requested': {
      const { approval, show, expiresAt, approvers } = event;
      if (!view.approvals.has(approval)) addTo(view, step, { kind: 'approval', id: approval }, at);
      view.approvals.set(approval, { id: approval, step, show, expiresAt, approvers });
      break;
    }
    case 'approval.resolved': {
      const { approved, by, comment, expired } = event;
      change(view.approvals, event.approval, { decision: { approved, by, comment, expired } });
      break;
    }
    case 'documents.found':
      view.passages = [...view.passages, { step: event.step, query: event.query, passages: event.passages }];
      break;
    case 'verdict':
      view.verdicts = [...view.verdicts, { step: event.step, verdict: event.verdict as Verdict }];
      break;
    case 'run.completed':
      end(view, 'completed', at);
      break;
    case 'run.failed':
      end(view, 'failed', at, event.error);
      break;
    case 'run.cancelled':
      end(view, 'cancelled', at, event.error);
      break;
  }
}

function newCall(id: string, step: string, model: string, epoch: number, at: number): CallView {
  return { id, step, model, epoch, state: 'waiting', text: '', reasoning: '', startedAt: at, lastAt: at };
}

/** The call an event is of; undefined for one of an attempt that is over. A higher epoch drops what was said. */
function callOf(view: Draft, { step = '', call, epoch = 1 }: RunEvent, at: number): CallView | undefined {
  const known = call === undefined ? undefined : view.calls.get(call);
  if (!known || epoch < known.epoch) return undefined;
  if (epoch === known.epoch) return known;
  const anew = newCall(known.id, step, known.model, epoch, at);
  view.calls.set(known.id, anew);
  return anew;
}

function stepOf(view: Draft, id: string, at: number): StepView {
  const known = view.steps.get(id);
  if (known) return known;
  const step: StepView = { id, state: 'running', startedAt: at, course: [] };
  view.steps.set(id, step);
  return step;
}

function addTo(view: Draft, step: string, entry: StepView['course'][number], at: number): void {
  const { course } = stepOf(view, step, at);
  if (course.some(({ id, kind }) => id === entry.id && kind === entry.kind)) return;
  change(view.steps, step, { course: [...course, entry] });
}

function change<Value>(map: Map<string, Value>, id: string, more: Partial<Value>): void {
  const known = map.get(id);
  if (known) map.set(id, { ...known, ...more });
}

function isOpen({ state }: CallView): boolean {
  return state === 'waiting' || state === 'speaking';
}

function end(view: Draft, state: RunView['state'], at: number, error?: CallError): void {
  Object.assign(view, { state, endedAt: at, error });
  for (const [id, call] of view.calls) if (isOpen(call)) change(view.calls, id, { state: 'failed' });
}
