import type { Connection } from '@temporalio/client';
import { type DataConverter, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { refusal } from '../../client/errors.ts';
import { CompareInput } from '../../contract/index.ts';
import { type JudgedRun, judgedRuns, type Store } from '../../store/index.ts';
import { EvalRecord } from './records.ts';

/** How many runs are replayed at most, newest first. */
const MOST_RUNS = 2_000;
const AT_ONCE = 16;

export interface PastRuns {
  store: Store;
  connection: Connection;
  namespace: string;
  codecs: DataConverter['payloadCodecs'];
}

/**
 * Past runs of `compare` that had a judge, as a labelled data set: what was asked, how the judge scored each model's
 * answer, and what the ledger says it cost. @throws CadenzaError where there is none
 */
export async function pastComparisons(past: PastRuns, hours: number): Promise<EvalRecord[]> {
  const runs = await judgedRuns(past.store.db, hours, MOST_RUNS);
  const records: (EvalRecord | undefined)[] = [];
  for (let start = 0; start < runs.length; start += AT_ONCE) {
    records.push(...(await Promise.all(runs.slice(start, start + AT_ONCE).map((run) => recordOf(past, run)))));
  }
  const found = records.filter((record) => record !== undefined);
  if (found.length > 0) return found;
  throw refusal('NotFound', `No run of compare with a judge ended in the last ${hours} hours.`, {
    hint: 'Run some: cadenza compare "<prompt>" --models a,b --judge c. Or give --data.',
  });
}

/** The ledger has no prompts: they are the run's input, which its history keeps. Undefined where that is gone, or where the
 *  input was so large that it is kept elsewhere. */
async function recordOf(past: PastRuns, run: JudgedRun): Promise<EvalRecord | undefined> {
  const input = CompareInput.safeParse(await inputOf(past, run).catch(() => undefined));
  if (!input.success) return undefined;
  const { prompt, messages, system } = input.data;
  const { tenant, metadata, models } = run;
  return EvalRecord.parse({ prompt, messages, system, tenant, metadata, models });
}

async function inputOf({ connection, namespace, codecs = [] }: PastRuns, { id, chain }: JudgedRun): Promise<unknown> {
  const { history } = await connection.workflowService.getWorkflowExecutionHistory({
    namespace,
    execution: { workflowId: id, runId: chain },
    maximumPageSize: 1,
  });
  const [given] = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  let payloads: Payload[] = given ? [given] : [];
  for (const codec of codecs.toReversed()) payloads = await codec.decode(payloads);
  return payloads[0] && defaultPayloadConverter.fromPayload(payloads[0]);
}
