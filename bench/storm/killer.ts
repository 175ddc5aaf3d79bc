import { setTimeout as delay } from 'node:timers/promises';
import type { Member } from './member.ts';

/** Numbers from 0 to 1, the same for the same seed: mulberry32 of Tommy Ettinger (public domain). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface KillerOptions {
  members: Member[];
  random(): number;
  /** mean time between two kills, ms */
  everyMs: number;
  /** 0..1, how much of the storm is over */
  progress(): number;
  onKill(name: string): void;
}

/** Longest time until one that was killed is started again, ms. */
const DOWN_AT_MOST_MS = 2_000;
/** Share of kills that take all workers, or all gateways, at once; the others leave one. */
const ALL_OF_A_KIND = 0.1;

/**
 * Kills workers and gateways at random moments, and starts them again; Temporal and each PostgreSQL once, at a moment of
 * their own. @returns ends it, once all that was killed is up again
 */
export function startKiller({ members, random, everyMs, progress, onKill }: KillerOptions): () => Promise<void> {
  const stop = new AbortController();
  const isServer = ({ kind }: Member) => kind === 'temporal' || kind === 'postgres';
  const servers = members
    .filter(isServer)
    .map((server, nth, all) => ({ server, at: (nth + 0.2 + 0.6 * random()) / all.length }));
  const restarts: Promise<void>[] = [];

  async function kill(victim: Member): Promise<void> {
    onKill(victim.name);
    await victim.kill();
    restarts.push(delay(DOWN_AT_MOST_MS * random()).then(() => victim.start()));
  }

  async function storm(): Promise<void> {
    while (!stop.signal.aborted) {
      await delay(everyMs * (0.5 + random()), undefined, { signal: stop.signal }).catch(() => {});
      if (stop.signal.aborted) return;
      const due = servers.findIndex(({ at }) => at <= progress());
      const [server] = due === -1 ? [] : servers.splice(due, 1);
      if (server) {
        await kill(server.server);
        continue;
      }
      const up = members.filter((member) => !isServer(member) && member.pid() !== undefined);
      const victim = up[Math.floor(random() * up.length)];
      const alike = up.filter(({ kind }) => kind === victim?.kind);
      if (random() < ALL_OF_A_KIND) await Promise.all(alike.map(kill));
      else if (victim && alike.length > 1) await kill(victim);
    }
  }

  const storming = storm();
  return async () => {
    stop.abort();
    await storming;
    for (const { server } of servers.splice(0)) await kill(server);
    await Promise.all(restarts);
  };
}
