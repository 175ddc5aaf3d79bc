import type { RunRef } from '../../src/contract/index.ts';
import { openStore } from '../../src/store/index.ts';

// Run as a process of its own: two writers' worth of events for each run.
const [url, runsJson, name] = process.argv.slice(2) as [string, string, string];
const runs = JSON.parse(runsJson) as RunRef[];
const store = await openStore({ url });
await Promise.all(
  ['a', 'b'].map(async (writer) => {
    for (let n = 0; n < 50; n++) {
      await Promise.all(
        runs.map((run) => store.events.append(run, [{ type: 'verdict', verdict: `${name}${writer}-${n}` }])),
      );
    }
  }),
);
await store.close();
