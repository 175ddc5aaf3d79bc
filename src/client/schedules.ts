import {
  type Client,
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  type ScheduleHandle,
  ScheduleNotFoundError,
  type ScheduleSummary,
  ServiceError,
} from '@temporalio/client';
import { type Caller, CreateSchedule, durationMs, ownName, ScheduleInfo, ScheduleName } from '../contract/index.ts';
import type { OpenRooms } from '../runtime/open-rooms.ts';
import { assertOwnName } from './check-own-name.ts';
import { checkStart, ofCaller } from './check-start.ts';
import { checked, refusal } from './errors.ts';
import { clientError } from './outcome.ts';

/** Runs that are started again and again, by Temporal's own schedules. To a client with a tenant there are only the tenant's,
 *  whose names begin with `<tenant>:`. */
export interface Schedules {
  /** @throws CadenzaError InvalidRequest as a start would, Conflict where the name is taken */
  create(schedule: CreateSchedule): Promise<ScheduleInfo>;
  /** Those made here. Temporal lists a schedule a moment after it was made or changed. */
  list(): Promise<ScheduleInfo[]>;
  /** Starts no runs until it is resumed; those it missed meanwhile stay missed. */
  pause(name: string): Promise<void>;
  resume(name: string): Promise<void>;
  /** Starts a run now, whatever the time. */
  trigger(name: string): Promise<void>;
  /** Runs it has started go on. */
  delete(name: string): Promise<void>;
}

/** Marks a schedule as one of ours, and keeps its words: Temporal keeps only what they mean. */
const MEMO = 'cadenzaSchedule';
const Kept = ScheduleInfo.pick({ pattern: true, cron: true, every: true, timezone: true, tenant: true });

/** Runs that were due while Temporal was down are started late, unless later than this. */
const CATCH_UP = '1 day';
const INVALID_ARGUMENT = 3;

export function createSchedules(
  temporal: Client,
  rooms: Pick<OpenRooms, 'config' | 'providers' | 'store' | 'tools'>,
  taskQueue: string,
  caller: Omit<Caller, 'role'>,
): Schedules {
  const { schedule: schedules } = temporal;
  const { tenant } = caller;
  const isOurs = (kept: { tenant?: string }) => tenant === undefined || kept.tenant === tenant;

  return {
    async create(given) {
      const { name: own, pattern, input, cron, every, timezone, ...options } = checked(CreateSchedule, given, '');
      const name = checked(ScheduleName, ownName(own, tenant), 'name');
      const start = await checkStart(rooms, pattern, input, ofCaller(caller, options), caller);
      await assertOwnName(rooms.store, name, start.options.tenant, 'name');
      const kept = Kept.parse({ pattern, cron, every, timezone, tenant: start.options.tenant });
      const handle = await asScheduleError(name, () =>
        schedules.create({
          scheduleId: name,
          spec: {
            ...(cron === undefined ? {} : { cronExpressions: [cron] }),
            ...(every === undefined ? {} : { intervals: [{ every: durationMs(every) }] }),
            ...(timezone === undefined ? {} : { timezone }),
          },
          action: {
            type: 'startWorkflow',
            workflowType: start.workflowType,
            // Temporal puts the time a run was due behind it.
            workflowId: name,
            taskQueue: start.taskQueue ?? taskQueue,
            args: Object.keys(start.options).length === 0 ? [start.input] : [start.input, start.options],
            staticSummary: `${pattern}, of the schedule ${name}`,
          },
          policies: { overlap: 'SKIP', catchupWindow: CATCH_UP },
          memo: { [MEMO]: kept },
        }),
      );
      const { state, info } = await asScheduleError(name, () => handle.describe());
      return infoOf(name, kept, state.paused, info);
    },

    async list() {
      return asScheduleError('', async () => {
        const all = await Array.fromAsync(schedules.list());
        return all.flatMap(({ scheduleId, memo, state, info }) => {
          const kept = Kept.safeParse(memo?.[MEMO]);
          return kept.success && isOurs(kept.data) ? [infoOf(scheduleId, kept.data, state.paused, info)] : [];
        });
      });
    },

    pause: (name) => act(name, (handle) => handle.pause()),
    resume: (name) => act(name, (handle) => handle.unpause()),
    trigger: (name) => act(name, (handle) => handle.trigger()),
    delete: (name) => act(name, (handle) => handle.delete()),
  };

  async function act(name: string, done: (handle: ScheduleHandle) => Promise<unknown>): Promise<void> {
    await asScheduleError(name, async () => {
      const handles = [...new Set([ownName(name, tenant), name])].map((id) => schedules.getHandle(id));
      const found = await Promise.all(handles.map(isThere));
      const handle = handles.find((_, index) => found[index]);
      if (!handle) throw new ScheduleNotFoundError(name, name);
      await done(handle);
    });
  }

  async function isThere(handle: ScheduleHandle): Promise<boolean> {
    try {
      const kept = Kept.safeParse((await handle.describe()).memo?.[MEMO]);
      return kept.success && isOurs(kept.data);
    } catch (thrown) {
      if (thrown instanceof ScheduleNotFoundError) return false;
      throw thrown;
    }
  }
}

function infoOf(
  name: string,
  kept: Omit<ScheduleInfo, 'name' | 'paused'>,
  paused: boolean,
  { recentActions, nextActionTimes }: ScheduleSummary['info'],
): ScheduleInfo {
  const last = recentActions.at(-1);
  const next = paused ? undefined : nextActionTimes[0];
  return {
    name,
    ...kept,
    paused,
    ...(next && { nextAt: next.toISOString() }),
    ...(last && { lastRun: { id: last.action.workflow.workflowId, at: last.takenAt.toISOString() } }),
  };
}

async function asScheduleError<Value>(name: string, act: () => Promise<Value>): Promise<Value> {
  try {
    return await act();
  } catch (thrown) {
    throw scheduleError(thrown, name);
  }
}

function scheduleError(thrown: unknown, name: string): unknown {
  if (thrown instanceof ScheduleAlreadyRunning) {
    const hint = 'Choose another name, or delete it first: npx cadenza schedule delete';
    return refusal('Conflict', `There is a schedule "${name}" already`, { hint, path: 'name' });
  }
  if (thrown instanceof ScheduleNotFoundError) {
    const hint = 'See their names with: npx cadenza schedule list';
    return refusal('NotFound', `No schedule named "${name}"`, { hint, path: 'name' });
  }
  const cause = thrown instanceof ServiceError ? thrown.cause : thrown;
  const unusable = thrown instanceof TypeError || (isGrpcServiceError(cause) && cause.code === INVALID_ARGUMENT);
  if (unusable) {
    const said = isGrpcServiceError(cause) ? cause.details : (thrown as TypeError).message;
    return refusal('InvalidRequest', `cron: Temporal does not understand it: ${said}`, { path: 'cron' });
  }
  return clientError(cause, name);
}
