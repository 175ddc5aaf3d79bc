import { Context } from '@temporalio/activity';
import type { AgentActivities } from '../contract/index.ts';
import type { Rooms } from './rooms.ts';
import { redactedMessage, sized } from './transcripts.ts';

/** What agents do with their transcripts besides asking models with them. */
export function createAgentActivities({ store, secrets }: Rooms): AgentActivities {
  const { transcripts } = store;
  return {
    async openTranscript(id, given) {
      const lines = given.map((message) => sized(redactedMessage(message, secrets)));
      const asked = lines.findLast(({ message }) => message.role === 'user') ?? lines.at(-1)!;
      const run = Context.current().info.workflowExecution?.workflowId;
      const [[task], place] = await Promise.all([transcripts.keep([asked], run), transcripts.append(id, 0, lines)]);
      const tokens = lines.reduce((sum, line) => sum + line.tokens, 0);
      return { place: { id: place, length: lines.length, from: 0 }, task: task!, tokens };
    },

    async planCompaction(place, keepTokens) {
      const lines = await transcripts.sizes(place.id, place.from, place.length);
      let keptTokens = 0;
      // The newest line is kept: it may be calls whose results come next.
      let to = lines.length - 1;
      for (let index = lines.length - 1; index > 0; index -= 1) {
        keptTokens += lines[index]!.tokens;
        if (keptTokens > keepTokens && index < lines.length - 1) break;
        if (lines[index]!.role !== 'tool') to = index;
      }
      if (to <= 0) return undefined;
      const kept = lines.slice(to).reduce((sum, line) => sum + line.tokens, 0);
      return { to: place.from + to, keptTokens: kept };
    },
  };
}
