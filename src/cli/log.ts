import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import type { Log } from '../contract/index.ts';
import { redact, secretsOf } from '../providers/secrets.ts';
import { logFields } from '../telemetry/log-fields.ts';

const load = createRequire(import.meta.url);

/** pino's, lowest first. */
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Logs to stderr: lines for people on a terminal, JSON elsewhere; never a secret of the environment. The logger is loaded
 *  when there is something to say. `CADENZA_LOG` sets the level. */
export function openLog(env: NodeJS.ProcessEnv, level: string): Log {
  const lowest = LEVELS.indexOf(env.CADENZA_LOG || level);
  let opened: Log | undefined;
  const at =
    (own: keyof Log): Log[keyof Log] =>
    (fields, message) => {
      if (LEVELS.indexOf(own) < lowest) return;
      opened ??= openPino(env, level);
      opened[own](fields, message);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function openPino(env: NodeJS.ProcessEnv, level: string): Log {
  const { pino } = load('pino') as typeof import('pino');
  const secrets = secretsOf(env);
  const sink = new Writable({
    write(chunk, _encoding, done) {
      process.stderr.write(redact(String(chunk), secrets));
      done();
    },
  });
  const readable = {
    destination: sink,
    singleLine: true,
    colorize: process.stderr.hasColors?.() ?? false,
    ignore: 'pid,hostname',
  };
  const pretty = (options: object) => (load('pino-pretty') as typeof import('pino-pretty'))(options);
  return pino(
    { level: env.CADENZA_LOG || level, base: null, mixin: logFields },
    process.stderr.isTTY ? pretty({ ...readable, translateTime: 'SYS:HH:MM:ss' }) : sink,
  );
}
