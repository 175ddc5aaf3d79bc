#!/usr/bin/env node
/** Starts the command line under Node 24: this one if it is, else the one among the packages. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const isCurrent = Number(process.versions.node.split('.')[0]) >= 24;

if (!existsSync(main)) {
  fail('Cadenza is not built yet. Mend it with: npm run setup');
} else if (isCurrent) {
  await import(pathToFileURL(main).href);
} else {
  const node = newerNode();
  if (node) startUnder(node);
  else fail(`Cadenza needs Node 24, and this is ${process.version}. Mend it with: npm run setup`);
}

function newerNode() {
  try {
    const node = path.join(path.dirname(createRequire(import.meta.url).resolve('node/package.json')), 'bin', 'node');
    return existsSync(node) ? node : undefined;
  } catch {
    return undefined;
  }
}

function startUnder(node) {
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl-C in a terminal reaches the child too; what is sent to us alone is passed on, and it decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (signal === 'SIGINT' ? 2 : signal === 'SIGKILL' ? 9 : 15);
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
