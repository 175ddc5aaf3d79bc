import sparticuz from '@sparticuz/chromium';

/** Where the Chromium lies that npm brings. It is unpacked once a machine, and before any test (setup/start-servers.ts): who
 *  finds the file of somebody who is unpacking it cannot run it. */
export async function unpackedBrowser(): Promise<string | undefined> {
  return process.platform === 'linux' ? sparticuz.executablePath() : undefined;
}
