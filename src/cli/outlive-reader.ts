/** What runs on goes on when whoever read its output is gone: Ctrl-C on `npm start | tee log` ends `tee` first. */
export function outliveReader(): void {
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners('error').on('error', () => {});
}
