import { connect } from 'cadenza/client';

/** What a backend does: start a run, follow it, read its bill. `npm run brief -- "tides"` */
const [topic = 'tides'] = process.argv.slice(2);
const cadenza = await connect();
try {
  const run = await cadenza.startUnchecked('briefing', { topic });
  console.log(`Run ${run.id}`);
  for await (const event of run.events()) {
    if (event.type === 'call.completed') console.log(`  ${event.step}: ${event.model}`);
  }
  console.log(await run.result());
  console.log(`It cost $${(await cadenza.bill(run.id)).totalUsd}`);
} finally {
  await cadenza.close();
}
