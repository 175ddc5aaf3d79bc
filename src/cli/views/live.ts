import { createLogUpdate } from 'log-update';
import { type Column, layOut } from './columns.ts';

/** ms between two pictures; a token more is not worth one of its own */
const FRAME_MS = 70;

export interface Live {
  /** Leaves the whole texts on the screen, and stops. */
  end(columns: Column[]): void;
  /** Stops where it is. */
  stop(): void;
}

/** Draws columns again and again in one place of a terminal, following its size. */
export function drawLive(stream: NodeJS.WriteStream, columnsNow: () => Column[]): Live {
  const update = createLogUpdate(stream);
  // One row less: a picture as high as the terminal would scroll it.
  const draw = () => update(layOut(columnsNow(), { width: stream.columns, height: stream.rows - 1 }));
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
    end(columns) {
      update.clear();
      stop();
      stream.write(`${layOut(columns, { width: stream.columns, height: Number.POSITIVE_INFINITY })}\n`);
    },
    stop,
  };
}
