import type { Config } from '../../config/index.ts';
import type { Target } from '../find-target.ts';

/** What one check found. */
export interface Finding {
  check: string;
  /** `warning`: something works less well, or will be put right by itself */
  state: 'ok' | 'warning' | 'broken';
  detail: string;
  /** the command or variable that mends it */
  mend?: string;
}

/** What checks look at. */
export interface Examined {
  env: NodeJS.ProcessEnv;
  cwd: string;
  /** undefined when nothing runs here and the environment names nothing */
  target?: Target;
  /** undefined when the config file cannot be used */
  config?: Config;
  /** mend what can be mended from here */
  fix: boolean;
}

export type Check = (examined: Examined) => Promise<Finding[]> | Finding[];

/** What an error says, without addresses that hold a password. */
export function reasonOf(error: unknown): string {
  const messages = error instanceof AggregateError ? error.errors.map(reasonOf) : [];
  const own = error instanceof Error ? error.message : String(error);
  return [...new Set([own, ...messages])]
    .filter(Boolean)
    .join('; ')
    .replaceAll(/\/\/[^@/\s]*@/g, '//');
}
