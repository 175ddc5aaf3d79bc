import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { Worker, type WorkerOptions } from '@temporalio/worker';
import { bundling } from './plugin.ts';
import { workflowModule } from './workflow-bundle.ts';

export interface ReplayOptions extends Pick<WorkerOptions, 'workflowsPath' | 'workflowBundle' | 'dataConverter'> {
  /** of histories as `temporal workflow show --output json` prints them, one a `.json` file */
  folder: string;
}

/**
 * Replays kept histories with the workflow code of today, without a server: a run that was open when they were kept could go
 * on with it. @returns the files that do not fit, and why; none, where all is well
 */
export async function replayHistories({ folder, ...given }: ReplayOptions): Promise<Record<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();
  if (files.length === 0) throw new Error(`No history in ${folder}: nothing would be found wrong`);
  const interceptors = { workflowModules: [workflowModule('interceptor')] };
  const options = given.workflowBundle ? given : { ...given, ...bundling({}), interceptors };
  const unfitting: Record<string, string> = {};
  let replayed = Promise.withResolvers<void>();
  let file = '';
  for await (const { error } of Worker.runReplayHistories(options, oneByOne())) {
    if (error) unfitting[file] = error.message;
    replayed.resolve();
  }
  return unfitting;

  /** By one worker; the next only once the one before has told how it fits, since that does not name its file. */
  async function* oneByOne() {
    for (file of files) {
      replayed = Promise.withResolvers();
      const history = JSON.parse(await readFile(path.join(folder, file), 'utf8'));
      // Sub-runs are named after it.
      const { workflowId } = history.events[0].workflowExecutionStartedEventAttributes;
      yield { workflowId, history };
      await replayed.promise;
    }
  }
}
