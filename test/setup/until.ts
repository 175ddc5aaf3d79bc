import type { Cadenza } from '../../src/client/index.ts';
import type { EventType, RunEvent } from '../../src/contract/index.ts';

/** Waits for an event of a run. */
export async function untilEvent<Type extends EventType>(
  client: Cadenza,
  id: string,
  type: Type,
  isWanted: (event: Extract<RunEvent, { type: Type }>) => boolean = () => true,
): Promise<Extract<RunEvent, { type: Type }>> {
  for await (const event of client.events(id)) {
    if (event.type === type && isWanted(event as never)) return event as Extract<RunEvent, { type: Type }>;
  }
  throw new Error(`The run ${id} ended without ${type}`);
}

/** Asks again and again until the answer is one. */
export async function until<Value>(ask: () => Promise<Value | undefined> | Value | undefined): Promise<Value> {
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
