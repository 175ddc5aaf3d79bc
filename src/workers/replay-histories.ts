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
  for (const file of files) {
    const history = JSON.parse(await readFile(path.join(folder, file), 'utf8'));
    // Sub-runs are named after it.
    const { workflowId } = history.events[0].workflowExecutionStartedEventAttributes;
    for await (const { error } of Worker.runReplayHistories(options, [{ workflowId, history }])) {
      if (error) unfitting[file] = error.message;
    }
  }
  return unfitting;
}
