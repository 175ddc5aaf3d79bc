import { type EmbedActivities, EmbedInput, type EmbedResult, type RunOptions } from '../contract/index.ts';
import { resultOfActivity } from './failures.ts';
import { host } from './host.ts';
import { inputOf } from './input.ts';
import { currentRun, note, record } from './run.ts';
import { spent } from './spending.ts';
import { stepId } from './step-id.ts';

/** A worker that has not been heard of for so long is dead, ms. Workers report every 0.8 s. */
const HEARTBEAT_TIMEOUT_MS = 8_000;

/**
 * Make vectors of texts.
 *
 *   texts --> one call --> vectors
 *
 * They are paid for once: a worker that is lost, or a reset, finds them in the journal.
 */
export async function embed(input: EmbedInput, _options?: RunOptions): Promise<EmbedResult> {
  const asked = inputOf(EmbedInput, input);
  const step = stepId('embed');
  await record([{ type: 'step.started', key: `step.started:${step}`, step }]);
  const { embedTexts } = host().proxyActivities<EmbedActivities>({
    summary: `${asked.texts.length} texts · ${step}`,
    startToCloseTimeout: '1 day',
    heartbeatTimeout: HEARTBEAT_TIMEOUT_MS,
    retry: { initialInterval: '500 ms', maximumInterval: '10 s', nonRetryableErrorTypes: ['InvalidRequest'] },
  });
  const embedded = await resultOfActivity(embedTexts(currentRun().ref, step, asked), step);
  spent(embedded);
  note(`${step}: ${embedded.model}, ${embedded.usage.inputTokens} tokens`);
  await record([{ type: 'step.completed', key: `step.completed:${step}`, step }]);
  return embedded;
}
