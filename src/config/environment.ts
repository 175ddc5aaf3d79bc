import path from 'node:path';
import { z } from 'zod';

const Port = z.coerce.number().int().min(0).max(65_535);

/** Set to nothing, it is no list of keys: a secret that did not arrive would let everybody in. */
const KEYS = 'CADENZA_API_KEYS';

/** The environment variables Cadenza reads, beside those of Temporal (temporal.ts). Provider keys are read by name where a provider is opened, and nowhere else. */
const Variables = z.object({
  CADENZA_PORT: Port.default(4100),
  CADENZA_HOME: z.string().default('.cadenza'),
  CADENZA_DATABASE_URL: z.string().optional(),
  [KEYS]: z
    .string()
    .transform((list) =>
      list
        .split(',')
        .map((key) => key.trim())
        .filter(Boolean),
    )
    .refine(
      (keys) => keys.length > 0,
      'It holds no key. List keys with commas between them, or leave it unset to let everybody in',
    )
    .optional(),
  CADENZA_WEBHOOK_SECRET: z.string().min(8, 'At least 8 characters').optional(),
  CADENZA_TEMPORAL_PORT: Port.default(7233),
  CADENZA_TEMPORAL_UI_PORT: Port.default(8233),
  CADENZA_TEMPORAL_SYNC: z.enum(['normal', 'full']).default('normal'),
  CADENZA_POSTGRES_PORT: Port.default(5433),
  CADENZA_TASK_QUEUE: z.string().default('cadenza'),
  CADENZA_METRICS_PORT: Port.optional(),
  CADENZA_METRICS_HOST: z.string().default('127.0.0.1'),
  CADENZA_SLOTS: z.coerce.number().int().min(1).max(100_000).optional(),
  CADENZA_DEPLOYMENT: z
    .string()
    .regex(/^\w[\w-]{0,99}$/, 'Letters, digits, _ and -, at most 100')
    .optional(),
  CADENZA_BUILD: z
    .string()
    .regex(/^\w[\w.-]{0,99}$/, 'Letters, digits, _, - and full stops, at most 100')
    .optional(),
});

/** Which build of the code a process runs, in the words of Temporal's worker deployments. */
export interface Deployment {
  name: string;
  build: string;
}

/** What a build is one of, where nothing else is said. */
export const DEFAULT_DEPLOYMENT = 'cadenza';

/** The build this process is of, if it is one. @throws Error where a deployment is named, and no build of it: unversioned
 *  workers beside versioned ones would take none of their runs */
export function deploymentOf({ deployment, build }: Pick<Environment, 'deployment' | 'build'>): Deployment | undefined {
  if (build !== undefined) return { name: deployment ?? DEFAULT_DEPLOYMENT, build };
  if (deployment === undefined) return undefined;
  throw new Error(
    'The environment variable CADENZA_DEPLOYMENT is not usable: CADENZA_BUILD must say which build this is',
  );
}

export interface Environment {
  port: number;
  /** absolute */
  home: string;
  databaseUrl?: string;
  apiKeys: string[];
  /** signs webhooks, and the answers to approvals that come without an API key */
  webhookSecret?: string;
  temporalPort: number;
  temporalUiPort: number;
  /** `full`: the embedded Temporal waits for the disk at each commit */
  temporalSync: 'normal' | 'full';
  postgresPort: number;
  /** the Temporal task queue patterns run on */
  taskQueue: string;
  /** where metrics and health are told without a key; left out, nowhere */
  metricsPort?: number;
  metricsHost: string;
  /** calls a worker makes at once; else as its memory allows */
  slots?: number;
  /** the Temporal worker deployment, where one is named */
  deployment?: string;
  /** which build of it this process runs: runs stay with the build they began on */
  build?: string;
}

/** @throws Error naming the variable that is wrong */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): Environment {
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => value !== '' || name === KEYS));
  const parsed = Variables.safeParse(given);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new Error(`The environment variable ${String(issue.path[0])} is not usable: ${issue.message}`);
  }
  const variables = parsed.data;
  return {
    port: variables.CADENZA_PORT,
    home: path.resolve(variables.CADENZA_HOME),
    databaseUrl: variables.CADENZA_DATABASE_URL,
    apiKeys: variables[KEYS] ?? [],
    webhookSecret: variables.CADENZA_WEBHOOK_SECRET,
    temporalPort: variables.CADENZA_TEMPORAL_PORT,
    temporalUiPort: variables.CADENZA_TEMPORAL_UI_PORT,
    temporalSync: variables.CADENZA_TEMPORAL_SYNC,
    postgresPort: variables.CADENZA_POSTGRES_PORT,
    taskQueue: variables.CADENZA_TASK_QUEUE,
    metricsPort: variables.CADENZA_METRICS_PORT,
    metricsHost: variables.CADENZA_METRICS_HOST,
    slots: variables.CADENZA_SLOTS,
    deployment: variables.CADENZA_DEPLOYMENT,
    build: variables.CADENZA_BUILD,
  };
}
