/** What a process knows of rows that every process knows: read when a connection begins to hear, and told of from then on. */
export interface ToldRows<Row> {
  get(name: string): Row | undefined;
  has(name: string): boolean;
  /** @param row undefined: it is no more */
  tell(name: string, row: Row | undefined): void;
  /** Takes what is read for all there is, but for what was told meanwhile: that is newer. */
  read(rows: () => Promise<Iterable<[name: string, row: Row]>>): Promise<void>;
}

export function createToldRows<Row>(): ToldRows<Row> {
  const known = new Map<string, Row>();
  /** of each reading that is under way: who was told of since it began */
  const readings = new Set<Set<string>>();

  function set(name: string, row: Row | undefined): void {
    if (row === undefined) known.delete(name);
    else known.set(name, row);
  }

  return {
    get: (name) => known.get(name),
    has: (name) => known.has(name),
    tell(name, row) {
      for (const told of readings) told.add(name);
      set(name, row);
    },
    async read(rows) {
      const told = new Set<string>();
      readings.add(told);
      try {
        const found = new Map(await rows());
        for (const name of new Set([...known.keys(), ...found.keys()])) if (!told.has(name)) set(name, found.get(name));
      } finally {
        readings.delete(told);
      }
    },
  };
}
