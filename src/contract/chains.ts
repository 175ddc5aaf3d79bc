/*
 * A chain names a run in the store: journal, events and bill go by it. It must stay the same where Temporal gives the run
 * new run ids (reset, continue-as-new, a parent that starts it again after its own reset), and differ where Temporal
 * keeps the first one (ticks of `cronSchedule`).
 *
 *   <first-execution run id>              a run of its own
 *   <first-execution>@<tick's run id>     a tick of a cron workflow, after the first
 *   <chain above>~<path of the step>      a run that does a step of another
 *   direct:<activity run id>              a run in the direct lane, also where a workflow goes on with it
 *   direct:@<process>.<number>            the same, of one that this process began before Temporal had named its activity
 */

const DIRECT = 'direct:';

/** Of a run in the direct lane. @param activityRun the run id of its standalone activity, which retries keep */
export function chainOfDirect(activityRun: string): string {
  return `${DIRECT}${activityRun}`;
}

/** Stands for the chain of a run in the direct lane that Temporal has not named yet. */
export const UNNAMED = DIRECT;

/** The same of one that is to be a workflow. */
export const UNNAMED_WORKFLOW = 'workflow:';

/** How the chains of those begin that the process of their client begins at once. */
export const BEGUN_HERE = `${DIRECT}@`;

/** Of one that the process of its client begins at once. @param by the process @param nth that it begins */
export function chainBegunHere(by: string, nth: number): string {
  return `${BEGUN_HERE}${by}.${nth}`;
}

/** Which process began it. */
export function begunBy(chain: string): string {
  return chain.slice(BEGUN_HERE.length).split('.')[0]!;
}

export function isBegunHere(chain: string): boolean {
  return isDirectChain(chain) && chain.startsWith(BEGUN_HERE);
}

/** A run in the direct lane, also where a workflow goes on with it. */
export function isDirectChain(chain: string): boolean {
  return chain.startsWith(DIRECT) && !chain.includes('~');
}

/** The run id of the standalone activity that a run in the direct lane began in, where its chain says it. */
export function directRunOf(chain: string): string | undefined {
  const run = isDirectChain(chain) ? chain.slice(DIRECT.length) : '@';
  return run.startsWith('@') ? undefined : run;
}

/** Of a run that does a step of another. @param path the sub-run's id after that of the run above */
export function chainOfStep(above: string, path: string): string {
  return `${above}~${path.replaceAll('/', '.')}`;
}

/** Of a tick of Temporal's own cron. @param original the run id it began with, which a reset keeps */
export function chainOfTick(first: string, original: string): string {
  return original === first ? first : `${first}@${original}`;
}

/** The first-execution run id of a run in Temporal; undefined for one that does a step of another, as it may have been
 *  started more than once, and in the direct lane. */
export function firstRunOf(chain: string): string | undefined {
  return hasNone(chain) ? undefined : chain.split('@')[0];
}

/** The run id a run began with, as far as its chain knows it: its arguments are there. */
export function originalRunOf(chain: string): string | undefined {
  return hasNone(chain) ? undefined : chain.split('@').at(-1);
}

function hasNone(chain: string): boolean {
  return chain.includes('~') || chain.startsWith(DIRECT);
}
