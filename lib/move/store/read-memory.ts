import type { DatasetKey } from '../../common/dataset-key.ts';
import type { Transaction } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import type { Agreed, Pending } from '../bridge-state.ts';
import { type PendingRow, READ_AGREED, READ_PENDING } from './bridge-statements.ts';

/** Returns what earlier passes of the bridge saved about a dataset. `pending` is by key. */
export async function readMemory(
  on: Transaction,
  dataset: DatasetKey,
): Promise<{ agreed: Agreed; pending: Map<string, Pending> }> {
  const id = datasetId(dataset);
  const agreed = await on.query<{ agreed_here: number; agreed_there: number }>(READ_AGREED, [id]);
  const { rows } = await on.query<PendingRow>(READ_PENDING, [id]);
  const [counts] = agreed.rows;
  return {
    agreed: { here: counts?.agreed_here ?? 0, there: counts?.agreed_there ?? 0 },
    pending: new Map(
      rows.map((row) => [
        row.record_key,
        {
          valueHash: row.value_hash,
          hereCount: row.here_count,
          afterThere: row.after_there,
          thereCount: row.there_count,
        },
      ]),
    ),
  };
}
