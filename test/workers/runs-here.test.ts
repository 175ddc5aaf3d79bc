import { afterAll, expect, test } from '@jest/globals';
import { ActivityNotFoundError, type Client, ServiceError } from '@temporalio/client';
import { Runtime } from '@temporalio/worker';
import { chainToBegin, type StartOn, startExecution } from '../../src/client/executions.ts';
import type { Store } from '../../src/store/index.ts';
import { createRunsHere } from '../../src/workers/runs-here.ts';
import { testLog } from '../setup/test-log.ts';

/** Where no worker was started with it, nobody else ends it, and the next file's workers find it there. */
afterAll(() => Runtime.instance().shutdown());

const checked = { workflowType: 'ask', lane: 'direct', input: { prompt: 'hello' }, options: {} } as const;

/** A Temporal server that is asked for activities, and refuses what is given here. */
function server(refuses: { startDelay?: Error; complete?: Error }) {
  const asked: string[] = [];
  const activity = {
    async start(_: string, { id, startDelay }: { id: string; startDelay?: unknown }) {
      asked.push(`start ${id} ${startDelay ?? 'at once'}`);
      if (startDelay && refuses.startDelay) throw refuses.startDelay;
      return { runId: `run of ${id}` };
    },
    async complete({ activityId }: { activityId: string }) {
      asked.push(`complete ${activityId}`);
      if (refuses.complete) throw refuses.complete;
    },
    getHandle: (id: string, runId: string) => ({
      updateOptions: async (options: object) => asked.push(`update ${id}, ${runId} ${JSON.stringify(options)}`),
    }),
  };
  const temporal = { activity } as unknown as Client;
  const store = { processes: { self: 'me', onStop: () => () => {} }, events: { expect() {} } } as unknown as Store;
  const perform = async (_: Client, { id }: { id: string }) => {
    if (id.startsWith('fails')) throw new Error('as it should');
    return 'done';
  };
  const { log } = testLog();
  const here = createRunsHere({
    ...{ perform, temporal, store, log, namespace: 'default', taskQueue: 'q', secrets: [], most: 10 },
  });
  const on: StartOn = { temporal, taskQueue: 'q', eager: () => true, here };
  const start = (id: string) => startExecution(on, { ...checked, chain: chainToBegin(on, checked) }, id);
  return { asked, start };
}

/** What the server is asked for one run after the other; the first begins as any other. */
async function askedFor(ids: string[], refuses: Parameters<typeof server>[0] = {}): Promise<string[]> {
  const { asked, start } = server(refuses);
  await start('first');
  for (const id of ids) {
    await start(id);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return asked;
}

test('a result ends the activity; how a run failed a worker is to say, at once', async () => {
  expect(await askedFor(['one', 'fails'])).toEqual([
    'start first at once',
    'start one 8 seconds',
    'complete one',
    'start fails 8 seconds',
    'update fails, run of fails {"startDelay":null}',
  ]);
});

test('where Temporal delays no activity, each comes to a worker', async () => {
  const startDelay = new ServiceError('refused', {
    cause: Object.assign(new Error('start_delay is not enabled'), { code: 3, details: '', metadata: {} }),
  });
  expect(await askedFor(['one', 'two'], { startDelay })).toEqual([
    'start first at once',
    'start one 8 seconds',
    'start one at once',
    'start two at once',
  ]);
});

test('where Temporal ends none that reached no worker, it is sent to one, and so are all after it', async () => {
  expect(await askedFor(['one', 'two'], { complete: new ActivityNotFoundError('Not found') })).toEqual([
    'start first at once',
    'start one 8 seconds',
    'complete one',
    'update one, run of one {"startDelay":null}',
    'start two at once',
  ]);
});
