import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

/** Its own defaults are for functions in a cloud: one process for all, which one closed page takes down. */
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];

/** Once a machine, and before any test: who finds the file of somebody who is unpacking it cannot run it. */
export async function unpackBrowser(): Promise<void> {
  if (process.platform === 'linux') await sparticuz.executablePath();
}

/** A real Chromium without a window: on Linux the one that npm brings, elsewhere the installed Chrome. */
export async function openBrowser(): Promise<Browser> {
  if (process.platform !== 'linux') return chromium.launch({ channel: 'chrome' });
  return chromium.launch({ executablePath: await sparticuz.executablePath(), args: ARGS });
}
