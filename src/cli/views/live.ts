import { createLogUpdate } from 'log-update';
import type { Size } from './columns.ts';

/** ms between two pictures; a token more is not worth one of its own */
const FRAME_MS = 70;

export interface Live {
  /** Leaves a last picture on the screen, as high as it is, and stops. */
  end(picture: Picture): void;
  /** Stops where it is. */
  stop(): void;
}

export type Picture = (size: Size) => string;

/** Draws a picture again and again in one place of a terminal, following its size. */
export function drawLive(stream: NodeJS.WriteStream, picture: Picture): Live {
  const update = createLogUpdate(stream);
  // One row less: a picture as high as the terminal would scroll it.
  const draw = () => update(picture({ width: stream.columns, height: stream.rows - 1 }));
  const redraw = () => {
    update.clear();
    draw();
  };
  const timer = setInterval(draw, FRAME_MS);
  stream.on('resize', redraw);
  draw();
  const stop = () => {
    clearInterval(timer);
    stream.off('resize', redraw);
    update.done();
  };
  return {
    end(last) {
      update.clear();
      stop();
      stream.write(`${last({ width: stream.columns, height: Number.POSITIVE_INFINITY })}\n`);
    },
    stop,
  };
}
