/** Stands in for worker and gateway: says it is ready, answers nothing, drains when asked to. */
process.on('SIGTERM', () => {
  console.log('fake server: drained');
  process.exit(0);
});
process.on('disconnect', () => process.exit(0));
console.log(
  `fake server: database at ${new URL(process.env.CADENZA_DATABASE_URL!).port}, Temporal at ${process.env.TEMPORAL_ADDRESS}`,
);
process.send!({ ready: true, url: `http://127.0.0.1:${process.env.CADENZA_PORT}`, pid: process.pid });
