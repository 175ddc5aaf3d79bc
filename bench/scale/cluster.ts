import { seeded } from '../storm/killer.ts';
import { type Cost, combined, type Measured } from './cost.ts';
import { type Need, type Simulation, type Station, simulation, station } from './queues.ts';
import { PARTS, type Part } from './usage.ts';

/** What comes in the busiest hour, and how it looks. */
export interface Load {
  runsPerSecond: number;
  turnsPerSecond: number;
  /** calls of a run, one after the other */
  calls: number;
  /** words of an answer */
  words: number;
  /** ms that a model takes for an answer, on average */
  modelMs: number;
  /** who reads each answer as it comes */
  readers: number;
}

/** Processors of each part, and shards of Temporal's history. */
export interface Cluster {
  cores: Record<Part, number>;
  shards: number;
  /** ms that a shard is busy for one write of a workflow's state: its round trip to the database */
  writeMs: number;
}

export interface Outcome {
  /** ms that each call took beyond its model */
  addedMs: number[];
  stations: Station[];
  seconds: number;
}

/** So many pieces an answer comes in, as far as the queues are concerned. */
const PIECES = 8;
/** Spread of how long anything takes: a coefficient of variation of 1, as a lognormal distribution. */
const SIGMA = Math.sqrt(Math.log(2));

/** Lets the load come for so long. The first fifth is not counted: queues fill up meanwhile. */
export function simulated(measured: Measured, load: Load, cluster: Cluster, seconds: number, seed: number): Outcome {
  const random = seeded(seed);
  const sim = simulation();
  const parts = Object.fromEntries(PARTS.map((part) => [part, station(part, cluster.cores[part])])) as Record<
    Part,
    Station
  >;
  const shards = Array.from({ length: cluster.shards }, (_, nth) => station(`shard ${nth}`, 1));
  const addedMs: number[] = [];
  const { call, run, turn, token, readToken, transitions } = measured;
  const answer = combined([load.words, token], [load.words * load.readers, readToken]);
  // Measured with its 20 words, which come on their own here.
  const bareTurn = combined([1, turn], [-20, token]);

  function* oneRun(): Generator<Need, void> {
    const shard = shards[Math.floor(random() * shards.length)]!;
    yield* writes(transitions.run, shard);
    yield* visits(run, 1, ['gateway', 'Temporal', 'Temporal PostgreSQL', 'worker', 'Cadenza PostgreSQL']);
    for (let nth = 0; nth < load.calls; nth += 1) yield* oneCall(call, transitions.call, shard);
  }

  function* oneCall(cost: Cost, written: number, shard: Station): Generator<Need, void> {
    const begunAt = sim.now();
    const modelMs = load.modelMs * spread();
    yield* writes(written / 2, shard);
    yield* visits(cost, 0.5, ['gateway', 'Temporal', 'Temporal PostgreSQL', 'worker', 'Cadenza PostgreSQL']);
    for (let piece = 0; piece < PIECES; piece += 1) {
      yield { waitMs: modelMs / PIECES };
      yield* visits(answer, 1 / PIECES, ['worker', 'Cadenza PostgreSQL', 'gateway']);
    }
    yield* writes(written / 2, shard);
    yield* visits(cost, 0.5, ['Cadenza PostgreSQL', 'worker', 'Temporal', 'Temporal PostgreSQL', 'gateway']);
    if (begunAt > 200 * seconds) addedMs.push(sim.now() - begunAt - modelMs);
  }

  function* visits(cost: Cost, share: number, order: Part[]): Generator<Need, void> {
    for (const part of order) {
      const ms = cost.cpuMs[part] * share;
      if (ms > 0) yield { station: parts[part], ms: ms * spread() };
    }
  }

  function* writes(count: number, shard: Station): Generator<Need, void> {
    yield { station: shard, ms: count * cluster.writeMs };
  }

  /** Lognormal, with a mean of 1. */
  function spread(): number {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(SIGMA * normal - SIGMA ** 2 / 2);
  }

  arrive(sim, load.runsPerSecond, oneRun);
  arrive(sim, load.turnsPerSecond, () =>
    oneCall(bareTurn, transitions.turn, shards[Math.floor(random() * shards.length)]!),
  );
  sim.run(seconds * 1_000);
  return { addedMs, stations: [...Object.values(parts), ...shards], seconds };

  /** By chance, so many a second. */
  function arrive(on: Simulation, perSecond: number, make: () => Generator<Need, void>): void {
    if (perSecond <= 0) return;
    function* arrivals(): Generator<Need, void> {
      for (;;) {
        yield { waitMs: (-1_000 * Math.log(1 - random())) / perSecond };
        on.spawn(make());
      }
    }
    on.spawn(arrivals());
  }
}

/** Processors that the load keeps busy, by part; what everything does by itself is not in it. */
export function busyCores({ run, call, turn, token, readToken }: Measured, load: Load): Record<Part, number> {
  const { runsPerSecond, turnsPerSecond, calls, words, readers } = load;
  const answers = runsPerSecond * calls + turnsPerSecond;
  const perSecond = perSecondOf();
  return Object.fromEntries(PARTS.map((part) => [part, Math.max(0, perSecond.cpuMs[part]) / 1_000])) as Record<
    Part,
    number
  >;

  function perSecondOf(): Cost {
    return combined(
      [runsPerSecond, run],
      [runsPerSecond * calls, call],
      [turnsPerSecond, turn],
      [answers * words - turnsPerSecond * 20, token],
      [answers * words * readers, readToken],
    );
  }
}
