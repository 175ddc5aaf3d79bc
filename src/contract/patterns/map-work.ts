import type { RunRef } from '../calls.ts';
import type { CallError } from '../errors.ts';
import type { MapProgress } from '../events.ts';
import type { MapDefinition, MapResult } from './map.ts';

/** Rows that wait for their turn have numbers 1, 2, 3, ...: a slice is some of those, both ends included. */
export interface Turns {
  from: number;
  to: number;
}

export interface OpenedMap {
  /** the data set that is gone over */
  source: string;
  total: number;
  /** rows that wait for their turn */
  turns: number;
  /** its rows wait for batches of their provider */
  batched?: boolean;
}

/** A row that needs more than one request. */
export interface OpenRow {
  row: number;
  /** what its first candidate ended with for good */
  tried?: CallError;
  /** ms since 1970: when the patience of its step ends, which the first request began */
  deadline?: number;
}

/** The input of a row's run, or why there is none. */
export type LoadedRow = { row: number } & ({ input: unknown } | { error: CallError });

/** What became of a row. `run`: the run of its own that worked on it, whose cost the map's is not. */
export type EndedRow = { row: number; run?: string } & ({ answer: unknown } | { error: CallError });

export interface WorkedSlice {
  /** rows that a workflow has to go on with */
  open: OpenRow[];
  /** others wait in batches: the slice is to be worked on again once the open ones are done */
  waits?: boolean;
  models: string[];
  progress: MapProgress;
}

/** The activities of the pattern `map`. A run is worked on by row numbers: the rows themselves stay in the store. */
export interface MapActivities {
  /** Puts inline rows into the store, and gives every row that has no answer yet its turn. @throws InvalidRequest */
  openMap(run: RunRef, definition: MapDefinition): Promise<OpenedMap>;
  /** Asks the model of each row of a slice once. @param slice `last`: a row that no budget is left for has failed */
  answerRows(run: RunRef, slice: Turns & { concurrency: number; last: boolean }): Promise<WorkedSlice>;
  /** The inputs of rows that still wait. */
  loadRows(run: RunRef, rows: number[] | Turns): Promise<LoadedRow[]>;
  /** Keeps what became of rows; a row ends once. */
  endRows(run: RunRef, rows: EndedRow[]): Promise<MapProgress>;
  /** Gives the rows that still wait new turns. @returns how many */
  requeueRows(run: RunRef): Promise<number>;
  /** Makes a data set of the results. */
  closeMap(run: RunRef): Promise<MapResult>;
}
