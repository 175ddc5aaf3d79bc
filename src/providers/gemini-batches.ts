import { type BatchJob, type GoogleGenAI, JobState } from '@google/genai';
import { type CallError, wellFormed } from '../contract/index.ts';
import { knowsBatches } from './batch-support.ts';
import { contentParams } from './gemini-input.ts';
import type { BatchWire } from './provider.ts';
import { StreamFailure } from './wire.ts';

const ENDED: (JobState | undefined)[] = [
  ...[JobState.JOB_STATE_SUCCEEDED, JobState.JOB_STATE_PARTIALLY_SUCCEEDED, JobState.JOB_STATE_FAILED],
  ...[JobState.JOB_STATE_CANCELLED, JobState.JOB_STATE_EXPIRED],
];
/** Clocks of two companies differ by less, ms. */
const CLOCKS_DIFFER_MS = 600_000;
/** The name under which Gemini keeps the id of a call. */
const KEY = 'key';

/** Gemini's batchGenerateContent, the requests in its body. */
export function geminiBatches(client: GoogleGenAI, asCallError: (error: unknown) => CallError): BatchWire {
  const { batches } = client;
  return {
    async laneOf({ model, request }) {
      contentParams(model, wellFormed(request), {});
      return 'contents';
    },

    isThere: (signal) => knowsBatches(batches.list({ config: { pageSize: 1, abortSignal: signal } }), asCallError),

    async submit({ mark, model, calls }, signal) {
      const src = calls.map(({ id, request }) => {
        const { contents, config } = contentParams(model, wellFormed(request), {});
        return { contents, config, metadata: { [KEY]: id } };
      });
      const { name } = await batches.create({ model, src, config: { displayName: mark, abortSignal: signal } });
      return name!;
    },

    async find({ mark, since }, signal) {
      const jobs = await batches.list({ config: { pageSize: 100, abortSignal: signal } });
      for await (const job of jobs) {
        if (job.displayName === mark) return { id: job.name! };
        // Newest first.
        if (job.createTime && Date.parse(job.createTime) < since.getTime() - CLOCKS_DIFFER_MS) break;
      }
      return { maybe: [] };
    },

    hasEnded: async (id, signal) => ENDED.includes((await jobOf(id, signal)).state),

    async *results(id, mark, signal) {
      const responses = (await jobOf(id, signal)).dest?.inlinedResponses ?? [];
      for (const [index, { response, error, metadata }] of responses.entries()) {
        // In the order of the requests, where their ids are not told.
        const call = metadata?.[KEY] ?? `${mark}-${index + 1}`;
        if (response) yield { id: call, answered: { ...response } };
        else yield { id: call, error: asCallError(new StreamFailure({ ...error, message: error?.message ?? '' }, {})) };
      }
    },

    async cancel(id, signal) {
      await batches.cancel({ name: id, config: { abortSignal: signal } });
    },
  };

  function jobOf(name: string, abortSignal: AbortSignal): Promise<BatchJob> {
    return batches.get({ name, config: { abortSignal } });
  }
}
