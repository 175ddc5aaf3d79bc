import type { CompareResult, ModelRef } from '../../contract/index.ts';
import type { Column } from './columns.ts';
import { count, seconds, usd } from './numbers.ts';
import { plainText } from './plain-text.ts';
import type { CallView, Transcript } from './transcript.ts';

const WORKING = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
/** Characters of English a token has on average; only shown until the provider has counted. */
const CHARACTERS_A_TOKEN = 4;

/** The call that answers for a model: the newest of the step that bears its name, also as part of a larger workflow. */
export function callOf(transcript: Transcript, model: ModelRef): CallView | undefined {
  return transcript.calls.findLast(({ step }) => step === model || step.endsWith(`/${model}`));
}

/** What is known of each model now. @param now ms since 1970 */
export function liveColumns(models: ModelRef[], transcript: Transcript, now: number): Column[] {
  return models.map((model) => {
    const call = callOf(transcript, model);
    return { title: call?.model || model, status: call ? statusOf(call, now) : 'waiting', text: call?.text ?? '' };
  });
}

/** What each model finally said; failed ones say why. */
export function finalColumns(models: ModelRef[], transcript: Transcript, result: CompareResult): Column[] {
  return result.answers.map((answer, index) => {
    const model = models[index] ?? answer.model;
    if ('error' in answer) return { title: model, status: `✗ ${answer.error.type}`, text: answer.error.message };
    const { usage, costUsd, firstTokenMs, totalMs } = answer;
    const cached = callOf(transcript, model)?.cached ?? false;
    const best = result.verdict?.best === answer.model ? '★ ' : '';
    const times = firstTokenMs === undefined ? [] : [`first ${seconds(firstTokenMs)}`];
    const took = totalMs === undefined ? [] : [seconds(totalMs)];
    const spent = [`${count(usage.outputTokens)} tok`, usd(costUsd)];
    const status = [cached ? '✓ cached' : '✓', ...took, ...times, ...spent].join(' · ');
    return { title: `${best}${answer.model}`, status, text: plainText(answer.text) };
  });
}

function statusOf(call: CallView, now: number): string {
  const { phase, firstTokenMs, totalMs, usage, costUsd, text, error, cached } = call;
  const tokens = usage ? `${count(usage.outputTokens)} tok` : `~${Math.ceil(text.length / CHARACTERS_A_TOKEN)} tok`;
  const first = firstTokenMs === undefined ? [] : [`first ${seconds(firstTokenMs)}`];
  const spinner = WORKING[Math.floor(now / 100) % WORKING.length]!;
  const soFar = seconds(Math.max(0, Math.floor((now - call.startedAt) / 100) * 100));
  if (phase === 'retrying') return `↻ attempt ${call.epoch} · ${error?.type ?? ''}`;
  if (phase === 'failed') return `✗ ${error?.type ?? 'failed'}`;
  if (phase !== 'done') return [`${spinner} ${phase} ${soFar}`, ...first, ...(text ? [tokens] : [])].join(' · ');
  const took = totalMs === undefined ? [] : [seconds(totalMs)];
  return [cached ? '✓ cached' : '✓', ...took, ...first, tokens, usd(costUsd)].join(' · ');
}

/** What is said under the answers: the judge's verdict and the merged answer. */
export function afterword({ verdict, merged }: CompareResult): string {
  const judged = verdict
    ? [
        `★ ${verdict.best}: ${plainText(verdict.reason)}`,
        ...verdict.scores.map(({ model, score, reason }) => `  ${score.toFixed(2)}  ${model}: ${plainText(reason)}`),
      ]
    : [];
  const one = merged ? [`── merged by ${merged.model}`, plainText(merged.text)] : [];
  return [...judged, ...one].join('\n');
}
