import { inputOfRow, type LoadedRow, PATTERNS } from '../../contract/index.ts';
import type { StoredMap } from '../../store/index.ts';

/** The input of a row's run, or what is wrong with it. */
export function loadRow({ definition }: StoredMap, data: { row: number; item: unknown }): LoadedRow {
  return { row: data.row, ...inputOfRow(definition, PATTERNS, data) };
}
