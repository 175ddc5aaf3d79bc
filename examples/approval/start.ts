import { connect } from 'cadenza/client';
import { parseConfig } from 'cadenza/config';

/** Starts an announcement and waits for its sign-off: `node examples/approval/start.ts "a bridge of glass"`. */
const topic = process.argv[2] ?? 'a bridge of glass';
const cadenza = await connect({
  config: parseConfig({ workflows: { announcement: { taskQueue: 'announcements' } } }),
});
try {
  const run = await cadenza.startUnchecked('announcement', { topic });
  for await (const event of run.events()) {
    if (event.type === 'call.delta') process.stdout.write(event.text);
    if (event.type === 'approval.requested') {
      console.log(`\n\nAnswer with: npx cadenza approve ${run.id} ${event.approval} --by <you>   (or --reject)`);
    }
    if (event.type === 'approval.resolved') console.log(event.approved ? 'Approved.' : 'Rejected.');
  }
  console.log(await run.result());
} finally {
  await cadenza.close();
}
