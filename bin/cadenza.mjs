#!/usr/bin/env node
/** Starts the command line under Node 24: this one if it is, else the one among the packages. A clone runs its sources, as
 *  one bundle. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const isCurrent = Number(process.versions.node.split('.')[0]) >= 24;
// Node takes no types away from what lies among packages: there it is the build that runs, as in an image without sources.
const source = path.join(ROOT, 'src', 'cli', 'main.ts');
const isClone = !ROOT.split(path.sep).includes('node_modules') && existsSync(source);
const MEND = `Mend it with: ${isClone ? 'npm run setup' : 'npm install node@24, or a Node from https://nodejs.org'}`;
const main = isClone ? source : path.join(ROOT, 'dist', 'cli', 'main.js');

if (!existsSync(main) || (isClone && !existsSync(path.join(ROOT, 'node_modules')))) {
  fail(`Cadenza is not set up yet. ${MEND}`);
} else if (isCurrent) {
  // Modules are compiled, and their types taken away, once and not at every start.
  module.enableCompileCache(path.join(ROOT, '.cadenza', 'compile-cache'));
  const started = isClone ? await (await import('../scripts/cli-bundle.mjs')).bundledCli(ROOT) : main;
  await import(pathToFileURL(started).href);
} else {
  const node = newerNode();
  if (node) startUnder(node);
  else fail(`Cadenza needs Node 24, and this is ${process.version}. ${MEND}`);
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
  const child = spawn(node, process.argv.slice(1), { stdio: 'inherit' });
  // Ctrl-C in a terminal reaches the child too; what is sent to us alone is passed on, and it decides when to end.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`${node} could not be started: ${error.message}`));
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? 128 + os.constants.signals[signal];
  });
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
