import type { Database } from '../../database/database.ts';
import type { DatasetWrites } from './dataset-writes.ts';
import { PLAIN_WRITES } from './plain-writes.ts';
import { SINGLE_STATEMENT_WRITES } from './single-statement-writes.ts';

/** Returns plain statements for Aurora DSQL: it is unknown whether statements that change data in a WITH work there. */
export function datasetWritesFor({ dialect }: Pick<Database, 'dialect'>): DatasetWrites {
  return dialect === 'dsql' ? PLAIN_WRITES : SINGLE_STATEMENT_WRITES;
}
