import type { Log } from '../contract/index.ts';

/** Warnings and errors on stderr: what a worker says where nobody gave it a logger. */
export const consoleLog: Log = {
  debug: () => {},
  info: () => {},
  warn: (fields, message) => console.error(`cadenza: ${message}`, fields),
  error: (fields, message) => console.error(`cadenza: ${message}`, fields),
};
