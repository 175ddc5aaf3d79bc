const ENDED = new TextEncoder().encode(': this API key does not hold any more\n\n');

/** Whether an answer may go on for as long as it likes. */
export function isEventStream({ headers, body }: Response): boolean {
  return body !== null && (headers.get('content-type') ?? '').startsWith('text/event-stream');
}

/** The same answer, which ends with the key it was asked for with, as if its reader had left. @param watch calls back once
 *  the key does not hold any more, and returns what ends watching */
export function whileKeyHolds(answer: Response, watch: (onEnd: () => void) => () => void): Response {
  const source = answer.body!.getReader();
  let isOver = false;
  let unwatch = () => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        unwatch = watch(() => {
          isOver = true;
          controller.enqueue(ENDED);
          controller.close();
          source.cancel().catch(() => {});
        });
      },
      async pull(controller) {
        try {
          const { done, value } = await source.read();
          if (isOver) return;
          if (!done) return controller.enqueue(value);
          unwatch();
          controller.close();
        } catch (thrown) {
          unwatch();
          throw thrown;
        }
      },
      cancel(reason) {
        unwatch();
        return source.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, answer);
}
