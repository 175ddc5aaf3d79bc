import { Connection } from '@temporalio/client';
import { type DataConverter, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { dataConverter } from '../../client/data-converter.ts';
import { temporalTarget } from '../../config/index.ts';
import { CompareInput } from '../../contract/index.ts';
import { secretsOf } from '../../providers/index.ts';
import { type JudgedRun, judgedRuns, openStore } from '../../store/index.ts';
import { CliFailure } from '../failure.ts';
import { findTarget } from '../find-target.ts';
import { openLog } from '../log.ts';
import { EvalRecord } from './records.ts';

/** How many runs are replayed at most, newest first. */
const MOST_RUNS = 2_000;
const AT_ONCE = 16;

/**
 * Past runs of `compare` that had a judge, as a labelled data set: what was asked, how the judge scored each model's
 * answer, and what the ledger says it cost.
 */
export async function recordsOfPastRuns(env: NodeJS.ProcessEnv, hours: number): Promise<EvalRecord[]> {
  const target = findTarget(env);
  const store = await openStore({ url: target.databaseUrl, log: openLog(env, 'error') });
  try {
    const runs = await judgedRuns(store.db, hours, MOST_RUNS);
    const { connection: address } = temporalTarget(target.temporalAddress, target.namespace);
    const connection = await Connection.connect(address as Parameters<typeof Connection.connect>[0]);
    try {
      const read = {
        connection,
        namespace: target.namespace,
        codecs: dataConverter(store.blobs, secretsOf(env)).payloadCodecs,
      };
      const records: (EvalRecord | undefined)[] = [];
      for (let start = 0; start < runs.length; start += AT_ONCE) {
        records.push(...(await Promise.all(runs.slice(start, start + AT_ONCE).map((run) => recordOf(read, run)))));
      }
      const found = records.filter((record) => record !== undefined);
      if (found.length > 0) return found;
      throw new CliFailure(`No run of compare with a judge ended in the last ${hours} hours.`, {
        hint: 'Run some: cadenza compare "<prompt>" --models a,b --judge c. Or give --data.',
      });
    } finally {
      await connection.close();
    }
  } finally {
    await store.close();
  }
}

interface Read {
  connection: Connection;
  namespace: string;
  codecs: DataConverter['payloadCodecs'];
}

/** The ledger has no prompts: they are the run's input, which its history keeps. Undefined where that is gone, or where the
 *  input was so large that it is kept elsewhere. */
async function recordOf(read: Read, run: JudgedRun): Promise<EvalRecord | undefined> {
  const input = CompareInput.safeParse(await inputOf(read, run).catch(() => undefined));
  if (!input.success) return undefined;
  const { prompt, messages, system } = input.data;
  const { tenant, metadata, models } = run;
  return EvalRecord.parse({ prompt, messages, system, tenant, metadata, models });
}

async function inputOf({ connection, namespace, codecs = [] }: Read, { id, chain }: JudgedRun): Promise<unknown> {
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
