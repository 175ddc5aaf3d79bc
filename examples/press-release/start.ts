import { connect } from 'cadenza/client';
import { parseConfig } from 'cadenza/config';

/** Starts a press release and prints it word by word: `node examples/press-release/start.ts "a bridge of glass"`. */
const topic = process.argv[2] ?? 'a bridge of glass';
const cadenza = await connect({
  config: parseConfig({ workflows: { pressRelease: { taskQueue: 'press-releases' } } }),
});
try {
  const run = await cadenza.startUnchecked('pressRelease', { topic });
  console.log(`Run ${run.id}`);
  for await (const event of run.events()) {
    // The two drafts are written at the same time; printed as they come, their words would mix.
    const isDraft = event.step?.startsWith('draft/');
    if (event.type === 'step.started') console.log(`\n\n# ${event.step}`);
    if (event.type === 'call.delta' && !isDraft) process.stdout.write(event.text);
    if (event.type === 'call.completed' && isDraft)
      console.log(`${event.model} wrote ${event.usage.outputTokens} tokens`);
  }
  console.log('\n\n# Result\n', await run.result());
} finally {
  await cadenza.close();
}
