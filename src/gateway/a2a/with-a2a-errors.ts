import { A2AError, RequestMalformedError, TaskNotFoundError, UnsupportedOperationError } from '@a2a-js/sdk/errors';
import type { A2ARequestHandler } from '@a2a-js/sdk/server';
import { CadenzaError } from '../../client/errors.ts';
import type { Log } from '../../contract/index.ts';
import { ProblemError } from '../problem.ts';

type Act = (...args: unknown[]) => unknown;

/** The same, except that what goes wrong is said in the words of A2A, and never with our insides. */
export function withA2aErrors(handler: A2ARequestHandler, log: Log): A2ARequestHandler {
  const { sendMessageStream, resubscribe, ...answers } = handler;
  const answering = Object.entries(answers as Record<string, Act>).map(([name, act]) => [
    name,
    async (...args: unknown[]) => {
      try {
        return await act(...args);
      } catch (thrown) {
        throw asA2aError(thrown, log);
      }
    },
  ]);
  return {
    ...(Object.fromEntries(answering) as typeof answers),
    sendMessageStream: (...args) => streaming(sendMessageStream(...args), log),
    resubscribe: (...args) => streaming(resubscribe(...args), log),
  };
}

async function* streaming<Item>(items: AsyncIterable<Item>, log: Log): AsyncGenerator<Item, void, undefined> {
  try {
    yield* items;
  } catch (thrown) {
    throw asA2aError(thrown, log);
  }
}

function asA2aError(thrown: unknown, log: Log): Error {
  if (thrown instanceof A2AError) return thrown;
  if (thrown instanceof ProblemError) return new UnsupportedOperationError(thrown.message);
  if (!(thrown instanceof CadenzaError)) {
    log.error({ err: thrown }, 'an A2A request could not be answered');
    return new Error('The request could not be answered');
  }
  const { message, hint } = thrown.error;
  const words = hint === undefined ? message : `${message}. ${hint}`;
  if (thrown.code === 'NotFound') return new TaskNotFoundError(words);
  if (thrown.code === 'Conflict') return new UnsupportedOperationError(words);
  return thrown.code === 'InvalidRequest' ? new RequestMalformedError(words) : new Error(words);
}
