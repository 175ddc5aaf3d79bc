import type { CadenzaActivities } from '../../contract/index.ts';
import { createCallModel } from '../call-model.ts';
import type { Rooms } from '../rooms.ts';

/** Calls as all others, except that their words are not told as they come: nobody reads thousands of rows at once, and
 *  the answers are kept whole. */
export function quietCalls(rooms: Rooms): CadenzaActivities['callModel'] {
  const { store } = rooms;
  const events: typeof store.events = {
    ...store.events,
    async append(run, given) {
      const told = given.filter(({ type }) => type !== 'call.delta' && type !== 'call.reasoning');
      if (told.length > 0) await store.events.append(run, told);
    },
  };
  return createCallModel({ ...rooms, store: { ...store, events } });
}
