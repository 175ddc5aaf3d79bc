import type { Log } from '../../src/contract/index.ts';

/** A log that keeps its lines, so that a test can search them. */
export function testLog(): { log: Log; logged: string[] } {
  const logged: string[] = [];
  const keep = (level: string) => (fields: object, message: string) => {
    logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  };
  return { logged, log: { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') } };
}
