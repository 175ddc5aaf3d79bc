import { z } from 'zod';
import { later } from './later.ts';
import { Duration, durationMs } from './policy.ts';
import { RunId, StartRun } from './runs.ts';

/** Runs of a schedule are named after it and the time they were due: `<name>-2026-01-31T06:00:00Z`. */
export const ScheduleName = later(() => RunId.max(170));

const everySecond = (every: Duration) => durationMs(every) >= 1_000;

/** What is run again and again, and when: by a cron expression or every so often. */
export const CreateSchedule = later(() =>
  StartRun.omit({ id: true })
    .extend({
      name: ScheduleName,
      /** five fields, as in `0 6 * * 1-5`; also six or seven, `@daily`, and lists of ranges */
      cron: z.string().min(1).max(200).optional(),
      every: Duration.refine(
        (every) => !Duration.safeParse(every).success || everySecond(every),
        'At least 1 s',
      ).optional(),
      /** of the cron expression, for example `Europe/Berlin`; left out, UTC */
      timezone: z.string().min(1).max(100).optional(),
    })
    .refine(({ cron, every }) => (cron === undefined) !== (every === undefined), {
      path: ['cron'],
      error: 'A schedule has either cron or every',
    })
    .refine(({ every, timezone }) => every === undefined || timezone === undefined, {
      path: ['timezone'],
      error: 'A time zone belongs to cron: every counts hours wherever they pass',
    }),
);
export type CreateSchedule = z.input<typeof CreateSchedule>;

/** Times are ISO. */
export const ScheduleInfo = later(() =>
  z.object({
    name: z.string(),
    pattern: z.string(),
    cron: z.string().optional(),
    every: Duration.optional(),
    timezone: z.string().optional(),
    tenant: z.string().optional(),
    paused: z.boolean(),
    /** when its next run is due */
    nextAt: z.string().optional(),
    /** its newest run */
    lastRun: z.object({ id: z.string(), at: z.string() }).optional(),
  }),
);
export type ScheduleInfo = z.infer<typeof ScheduleInfo>;
