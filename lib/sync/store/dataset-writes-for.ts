import type { Database } from '../../database/database.ts';
import type { DatasetWrites } from './dataset-writes.ts';
import { PLAIN_WRITES } from './plain-writes.ts';
import { SINGLE_STATEMENT_WRITES } from './single-statement-writes.ts';

/** Returns plain statements for Aurora DSQL, on which changes of data in WITH are not recorded to work. */
export function datasetWritesFor({ dialect }: Pick<Database, 'dialect'>): DatasetWrites {
  return dialect === 'dsql' ? PLAIN_WRITES : SINGLE_STATEMENT_WRITES;
}
