import type { Part as A2aPart, StreamResponse, TaskStatus } from '@a2a-js/sdk';
import type { Cadenza } from '../../client/cadenza.ts';
import { followParts } from '../../dialogue/follow-parts.ts';
import type { Part } from '../../dialogue/parts.ts';
import { artifactOf, artifactWith, endedStatus, inputRequired, type Place, textPart, working } from './task.ts';

export interface Updating {
  client: Cadenza;
  place: Place;
  /** ids of approvals that were answered just now */
  given?: Set<string>;
  signal: AbortSignal;
}

/**
 * What becomes of a task, from its first word on. The answer is one artifact: when the model speaks anew, after tools or a
 * failed attempt, it begins anew (`append: false`), so that what stands there at the end is the answer.
 */
export async function* taskUpdates({ client, place, given, signal }: Updating): AsyncGenerator<StreamResponse> {
  let speaking: string | undefined;
  async function* pages(until: AbortSignal) {
    yield* (await client.follow(place.taskId, { signal: until })).pages;
  }

  function updatesOf(part: Part): StreamResponse[] {
    switch (part.type) {
      case 'reset':
        speaking = undefined;
        return [];
      case 'text': {
        const append = speaking === part.message;
        speaking = part.message;
        return [artifactUpdate(place, [textPart(part.delta)], { append, lastChunk: false })];
      }
      case 'tool.started':
        return [
          statusUpdate(place, working(place, `Uses ${part.tool}`, part.toolCall), {
            tool: part.tool,
            arguments: part.arguments,
          }),
        ];
      case 'end':
        return part.status === 'completed' ? [] : [statusUpdate(place, endedStatus(place, part.status, part.error))];
      default:
        return [];
    }
  }

  for await (const followed of followParts({ pages, given, signal })) {
    if ('awaits' in followed) {
      const asked = followed.awaits.flatMap((awaited) => (awaited.kind === 'approval' ? [awaited] : []));
      yield statusUpdate(place, inputRequired(place, asked));
      return;
    }
    yield* followed.parts.flatMap(updatesOf);
    if (followed.parts.at(-1)!.type !== 'end') continue;
    const outcome = await client.outcome(place.taskId, 10);
    if (outcome.status !== 'completed') return;
    // The whole of it, with its object where a schema was asked for.
    yield artifactUpdate(place, artifactOf(outcome.result).parts, { append: false, lastChunk: true });
    yield statusUpdate(place, endedStatus(place, 'completed'));
  }
}

function artifactUpdate(
  { taskId, contextId }: Place,
  parts: A2aPart[],
  how: { append: boolean; lastChunk: boolean },
): StreamResponse {
  const value = { taskId, contextId, artifact: artifactWith(parts), ...how, metadata: undefined };
  return { payload: { $case: 'artifactUpdate', value } };
}

function statusUpdate(
  { taskId, contextId }: Place,
  status: TaskStatus,
  metadata?: Record<string, unknown>,
): StreamResponse {
  return { payload: { $case: 'statusUpdate', value: { taskId, contextId, status, metadata } } };
}
