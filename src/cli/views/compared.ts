import type { CompareResult, ModelRef } from '../../contract/index.ts';
import { plainText } from '../output.ts';
import type { Column } from './columns.ts';
import { count, seconds, usd } from './numbers.ts';
import type { CallView, Transcript } from './transcript.ts';
import { isMarking } from './verdicts.ts';

const WORKING = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Characters of English a token has on average; only shown until the provider has counted. */
const CHARACTERS_A_TOKEN = 4;

/** The call that answers for a model: the newest of the step that bears its name, also as part of a larger workflow. */
export function callOf(transcript: Transcript, model: ModelRef): CallView | undefined {
  return transcript.calls.findLast(({ step }) => step === model || step.endsWith(`/${model}`));
}

/** The models that answer, where nobody has said which: their steps bear their names. */
export function answeringModels({ calls }: Transcript): ModelRef[] {
  const names = calls.map(({ step }) => step).filter((step) => !isMarking(step) && !/(^|\/)merge$/.test(step));
  return [...new Set(names)];
}

/** What is known of each model now. @param now ms since 1970 */
export function liveColumns(models: ModelRef[], transcript: Transcript, now: number): Column[] {
  return models.map((model) => {
    const call = callOf(transcript, model);
    if (!call) return { title: model, status: 'waiting', figures: '', text: '' };
    return { title: call.model || model, status: statusOf(call, now), figures: figuresOf(call), text: call.text };
  });
}

/** What is done beside the answers: judging and merging; empty when nothing is. @param now ms since 1970 */
export function markingStatus(models: ModelRef[], transcript: Transcript, now: number): string {
  const answering = new Set(models.map((model) => callOf(transcript, model)?.call));
  const busy = transcript.calls.filter(({ call, phase }) => !answering.has(call) && phase !== 'done');
  return busy.map((call) => `${call.step}: ${call.model} ${statusOf(call, now)}`).join(', ');
}

/** What each model finally said; failed ones say why. */
export function finalColumns(models: ModelRef[], transcript: Transcript, result: CompareResult): Column[] {
  return result.answers.map((answer, index) => {
    const model = models[index] ?? answer.model;
    if ('error' in answer) {
      return { title: model, status: `✗ ${answer.error.type}`, figures: '', text: plainText(answer.error.message) };
    }
    const { usage, costUsd, firstTokenMs, totalMs } = answer;
    const cached = callOf(transcript, model)?.cached ?? false;
    return {
      title: `${result.verdict?.best === answer.model ? '★ ' : ''}${answer.model}`,
      status: doneIn(totalMs, cached),
      figures: [...firstToken(firstTokenMs, cached), `${count(usage.outputTokens)} tok`, usd(costUsd)].join(' · '),
      text: plainText(answer.text),
    };
  });
}

function statusOf(call: CallView, now: number): string {
  const { phase, totalMs, error, cached } = call;
  if (phase === 'retrying') return `↻ attempt ${call.epoch} · ${error?.type ?? ''}`;
  if (phase === 'failed') return `✗ ${error?.type ?? 'failed'}`;
  if (phase === 'done') return doneIn(totalMs, cached);
  const spinner = WORKING[Math.floor(now / 100) % WORKING.length]!;
  return `${spinner} ${phase} ${seconds(Math.max(0, Math.floor((now - call.startedAt) / 100) * 100))}`;
}

function figuresOf({ firstTokenMs, usage, costUsd, text, phase, cached }: CallView): string {
  const first = firstToken(firstTokenMs, cached);
  if (usage && phase === 'done') return [...first, `${count(usage.outputTokens)} tok`, usd(costUsd)].join(' · ');
  return text === '' ? '' : [...first, `~${Math.ceil(text.length / CHARACTERS_A_TOKEN)} tok`].join(' · ');
}

// The times of a cached answer are those of the call it came from.
function doneIn(totalMs: number | undefined, cached: boolean): string {
  if (cached) return '✓ from the cache';
  return totalMs === undefined ? '✓' : `✓ ${seconds(totalMs)}`;
}

function firstToken(ms: number | undefined, cached: boolean): string[] {
  return ms === undefined || cached ? [] : [`first ${seconds(ms)}`];
}
