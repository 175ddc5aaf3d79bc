import type { Context } from 'hono';
import type { GatewayEnv } from '../app.ts';
import type { Problem } from '../problem.ts';
import { streamAnswer, whileConnected } from './answer-stream.ts';
import { type Answered, type AnswerOfRun, answerInPieces, type Piece, wholeAnswer } from './answered.ts';
import type { ParamNames } from './errors.ts';
import { answerHeaders, asRefusal, runHeaders } from './open-call.ts';

/** How a dialect tells an answer. */
export interface Telling {
  params: ParamNames;
  /** the body of a whole answer */
  whole(answer: Answered): object;
  /** frames of server-sent events */
  frames(pages: AsyncIterable<Piece[]>): AsyncGenerator<string>;
  /** keeps a silent stream open */
  idle: string;
  /** a frame that tells of an error after the stream has begun */
  failed(problem: Problem): string;
}

export interface DialectCall {
  runId: string;
  run: AnswerOfRun;
  abandon(): void;
}

/** Answers a call, as it comes or as a whole. @throws ProblemError where it has no answer */
export async function respond(
  c: Context<GatewayEnv>,
  { runId, run, abandon }: DialectCall,
  { isStream, ...telling }: Telling & { isStream: boolean },
): Promise<Response> {
  const { params, whole, frames, idle, failed } = telling;
  const refusalOf = (thrown: unknown) => asRefusal(thrown, params);
  if (isStream) {
    return streamAnswer(c, {
      frames: frames(answerInPieces(run)),
      headers: runHeaders(runId),
      onLeft: abandon,
      ...{ idle, failed, refusalOf },
    });
  }
  const answer = await whileConnected(c, wholeAnswer(run), abandon).catch((thrown: unknown) => {
    throw refusalOf(thrown);
  });
  return c.json(whole(answer), 200, answerHeaders(runId, answer));
}
