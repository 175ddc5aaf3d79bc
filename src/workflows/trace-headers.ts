import type { Headers, Payload } from '@temporalio/common';
import { defaultPayloadConverter } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import { chainOf } from './memos.ts';

/** As src/telemetry/names.ts has them, which is not for workflows. */
const TRACE_HEADER = '_tracer-data';
const CHAIN_HEADER = 'cadenza-chain';

/**
 * Passes the trace of whoever started a workflow on to all it starts. Spans are made outside, by what the workflow has written
 * to the event log: here nothing is made, so there is nothing that a replay could make again.
 */
export function traceHeaders() {
  let carried: Payload | undefined;
  return {
    take(headers: Headers): void {
      carried = headers[TRACE_HEADER];
    },
    /** for a new history of the same workflow, and for sub-runs, which have runs of their own */
    onto: (headers: Headers): Headers => (carried ? { ...headers, [TRACE_HEADER]: carried } : headers),
    /** for activities, also those that know nothing of runs */
    ontoActivity(headers: Headers): Headers {
      if (!carried) return headers;
      const chain = defaultPayloadConverter.toPayload(chainOf(workflowInfo()))!;
      return { ...headers, [TRACE_HEADER]: carried, [CHAIN_HEADER]: chain };
    },
  };
}
