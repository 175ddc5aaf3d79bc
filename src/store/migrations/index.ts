import type { Migration } from 'kysely/migration';
import * as tables from './0001-tables.ts';
import * as writing from './0002-writing.ts';

/** Imported one by one, so that they are also there in a bundle. A released one never changes: add another. */
export const MIGRATIONS: Record<string, Migration> = {
  '0001-tables': tables,
  '0002-writing': writing,
};
