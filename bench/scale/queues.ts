/** What somebody in the simulation needs next: so many ms of one station, or time that passes by itself. */
export type Need = { station: Station; ms: number } | { waitMs: number };

/** Servers that all take from one queue, first come, first served. */
export interface Station {
  name: string;
  servers: number;
  busy: number;
  /** who waits, oldest first, and for how many ms of service */
  queue: { process: Generator<Need, void>; ms: number }[];
  /** place of the oldest in `queue`: taken from there instead of moving all others */
  head: number;
  busyMs: number;
  longest: number;
}

export function station(name: string, servers: number): Station {
  return { name, servers, busy: 0, queue: [], head: 0, busyMs: 0, longest: 0 };
}

export interface Simulation {
  now(): number;
  /** Lets a process begin after so many ms. */
  spawn(process: Generator<Need, void>, afterMs?: number): void;
  /** Lets time pass until then. */
  run(untilMs: number): void;
}

/** A discrete-event simulation: processes are generators that yield what they need, and go on once they had it. */
export function simulation(): Simulation {
  const times: number[] = [];
  const events: (() => void)[] = [];
  let now = 0;

  function at(time: number, event: () => void): void {
    let place = times.push(time) - 1;
    events.push(event);
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (times[above]! <= times[place]!) break;
      swap(above, place);
      place = above;
    }
  }

  function swap(one: number, other: number): void {
    [times[one], times[other]] = [times[other]!, times[one]!];
    [events[one], events[other]] = [events[other]!, events[one]!];
  }

  function next(): () => void {
    swap(0, times.length - 1);
    now = times.pop()!;
    const event = events.pop()!;
    for (let place = 0; ; ) {
      const left = 2 * place + 1;
      if (left >= times.length) break;
      const least = left + 1 < times.length && times[left + 1]! < times[left]! ? left + 1 : left;
      if (times[place]! <= times[least]!) break;
      swap(place, least);
      place = least;
    }
    return event;
  }

  function goOn(process: Generator<Need, void>): void {
    const { value: need, done } = process.next();
    if (done) return;
    if ('waitMs' in need) {
      at(now + need.waitMs, () => goOn(process));
      return;
    }
    const { station: asked, ms } = need;
    if (asked.busy < asked.servers) serve(asked, process, ms);
    else asked.queue.push({ process, ms });
    asked.longest = Math.max(asked.longest, asked.queue.length - asked.head);
  }

  function serve(serving: Station, process: Generator<Need, void>, ms: number): void {
    serving.busy += 1;
    at(now + ms, () => {
      serving.busyMs += ms;
      serving.busy -= 1;
      const waiting = serving.queue[serving.head];
      if (waiting) {
        serving.head += 1;
        if (serving.head > 1_000 && serving.head * 2 > serving.queue.length) {
          serving.queue.splice(0, serving.head);
          serving.head = 0;
        }
        serve(serving, waiting.process, waiting.ms);
      }
      goOn(process);
    });
  }

  return {
    now: () => now,
    spawn: (process, afterMs = 0) => at(now + afterMs, () => goOn(process)),
    run(untilMs) {
      while (times.length > 0 && times[0]! <= untilMs) next()();
    },
  };
}
