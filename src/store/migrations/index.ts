import type { Migration } from 'kysely/migration';
import * as tables from './0001-tables.ts';
import * as putEvents from './0002-put-events.ts';
import * as settleCall from './0003-settle-call.ts';
import * as writeBatch from './0004-write-batch.ts';
import * as beginCall from './0005-begin-call.ts';
import * as approvals from './0006-approvals.ts';
import * as transcripts from './0007-transcripts.ts';
import * as callsByModel from './0008-calls-by-model.ts';
import * as dataSets from './0009-data-sets.ts';
import * as maps from './0010-maps.ts';

/** Imported one by one, so that they are also there in a bundle. A released one never changes: add another. */
export const MIGRATIONS: Record<string, Migration> = {
  '0001-tables': tables,
  '0002-put-events': putEvents,
  '0003-settle-call': settleCall,
  '0004-write-batch': writeBatch,
  '0005-begin-call': beginCall,
  '0006-approvals': approvals,
  '0007-transcripts': transcripts,
  '0008-calls-by-model': callsByModel,
  '0009-data-sets': dataSets,
  '0010-maps': maps,
};
