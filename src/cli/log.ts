import { Writable } from 'node:stream';
import { pino } from 'pino';
import pretty from 'pino-pretty';
import type { Log } from '../contract/index.ts';
import { redact, secretsOf } from '../providers/secrets.ts';

/** Logs to stderr: lines for people on a terminal, JSON elsewhere; never a secret of the environment.
 *  `CADENZA_LOG` sets the level. */
export function openLog(env: NodeJS.ProcessEnv, level: string): Log {
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
  return pino(
    { level: env.CADENZA_LOG || level, base: null },
    process.stderr.isTTY ? pretty({ ...readable, translateTime: 'SYS:HH:MM:ss' }) : sink,
  );
}
