import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** Calls under way, and how many there may be, by lane. */
type Slots = () => Record<string, { used: number; of: number }>;

/** What a process tells Prometheus: Node's own figures, and the slots of the worker in it. */
export function openMetrics(slots?: Slots): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  if (!slots) return registry;
  const gauge = (name: string, help: string, field: 'used' | 'of') =>
    new Gauge({
      ...{ name, help, labelNames: ['lane'], registers: [registry] },
      collect() {
        for (const [lane, taken] of Object.entries(slots())) this.set({ lane }, taken[field]);
      },
    });
  gauge('cadenza_slots_used', 'Calls that the worker makes now', 'used');
  gauge('cadenza_slots', 'Calls that the worker may make at once', 'of');
  return registry;
}
