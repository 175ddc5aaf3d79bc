import { type Browser, chromium } from 'playwright-core';
import { unpackedBrowser } from './unpacked-browser.ts';

/** Its own defaults are for functions in a cloud: one process for all, which one closed page takes down. */
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];

/** A real Chromium without a window: on Linux the one that npm brings, elsewhere the installed Chrome. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = await unpackedBrowser();
  return chromium.launch(executablePath ? { executablePath, args: ARGS } : { channel: 'chrome' });
}
