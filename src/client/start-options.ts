import type { RunOptions } from '../contract/index.ts';

export interface StartOptions extends RunOptions {
  /** the workflow id; given twice, the second start returns the first run */
  id?: string;
}
