import {
  type DataFormat,
  type DataSet,
  type ItemPage,
  ListItems,
  type MapDefinition,
  type MapItem,
} from '../contract/index.ts';
import type { Store } from '../store/index.ts';
import { unusable } from './data/decode-text.ts';
import { readCsv } from './data/read-csv.ts';
import { readJsonl } from './data/read-jsonl.ts';
import { checked, refusal } from './errors.ts';

/** Data that maps go over, and what became of its rows. */
export interface MapData {
  /** Keeps the rows of a file for maps, reading it as it comes. @throws CadenzaError InvalidRequest naming the bad line; then nothing is kept */
  upload(
    chunks: AsyncIterable<Uint8Array | string>,
    format: DataFormat,
    /** whose maps may go over them; those of a client with a tenant are its tenant's */
    options?: { tenant?: string },
  ): Promise<DataSet>;
  /** A page of a map's rows, in their order, with what became of them. */
  items(id: string, query?: ListItems): Promise<ItemPage>;
  /** The results of a map so far, in the order of its rows; those that still wait are left out. */
  output(id: string): AsyncIterable<MapItem>;
  /** What a map was started with; its `source` names the data. */
  mapOf(id: string): Promise<MapDefinition & { source: string }>;
}

const READERS = { jsonl: readJsonl, csv: readCsv } satisfies Record<DataFormat, unknown>;
const PAGE = 500;

/** @param chainOf finds the run of an id, and throws CadenzaError NotFound where there is none @param own the client's tenant */
export function createMapData(
  { dataSets, maps }: Store,
  chainOf: (id: string) => Promise<string>,
  own?: string,
): MapData {
  async function items(id: string, query: ListItems = {}): Promise<ItemPage> {
    const page = checked(ListItems, query, 'query');
    return maps.items((await mapRun(id)).chain, page);
  }

  async function mapRun(id: string) {
    const chain = await chainOf(id);
    const map = await maps.find(chain);
    if (map) return { chain, ...map };
    throw refusal('NotFound', `The run "${id}" has no rows: it is no map, or has not begun yet`, {
      hint: 'See the maps with: npx cadenza runs --pattern map',
      path: 'id',
    });
  }

  return {
    async upload(chunks, format, { tenant } = {}) {
      let any = false;
      async function* rows() {
        for await (const row of READERS[format](chunks)) {
          any = true;
          yield row;
        }
        if (!any) throw unusable('The data has no rows');
      }
      return dataSets.put(rows(), own ?? tenant);
    },
    items,
    async *output(id) {
      const { chain } = await mapRun(id);
      for (let after: number | undefined = 0; after !== undefined; ) {
        const page: ItemPage = await maps.items(chain, { after, limit: PAGE });
        yield* page.items.filter(({ status }) => status !== 'waiting');
        after = page.nextAfter;
      }
    },
    async mapOf(id) {
      return (await mapRun(id)).definition;
    },
  };
}
