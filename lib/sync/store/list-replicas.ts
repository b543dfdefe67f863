import type { DatasetKey, IdentityKey } from '../../common/dataset-key.ts';
import { plainArray } from '../../database/array-literal.ts';
import type { Transaction } from '../../database/database.ts';
import { datasetId } from '../../database/row-ids.ts';
import type { Version } from '../../stream/stream-event.ts';

const LIST_REPLICAS = `
SELECT dataset_name, sync_count, deleted_sync_count, last_modified_ms
FROM sync.datasets
WHERE identity_pool_id = $1 AND identity_id = $2`;

const READ_VERSIONS = `
SELECT dataset_id, sync_count, last_modified_ms FROM sync.datasets WHERE dataset_id = ANY ($1::uuid[])`;

interface ListedReplicaRow {
  dataset_name: string;
  sync_count: number;
  deleted_sync_count: number;
  last_modified_ms: number;
}

/** Lists the datasets of an identity with their versions, deleted datasets included. */
export async function listReplicas(
  on: Transaction,
  { identityPoolId, identityId }: IdentityKey,
): Promise<{ datasetName: string; version: Version; exists: boolean }[]> {
  const { rows } = await on.query<ListedReplicaRow>(LIST_REPLICAS, [identityPoolId, identityId]);
  return rows.map((row) => ({
    datasetName: row.dataset_name,
    version: { lastModifiedDate: row.last_modified_ms, syncCount: row.sync_count },
    exists: row.sync_count > row.deleted_sync_count,
  }));
}

/** Returns the versions of datasets, deleted datasets included. Omits datasets that are not stored. */
export async function readReplicaVersions(
  on: Transaction,
  datasets: readonly DatasetKey[],
): Promise<{ dataset: DatasetKey; version: Version }[]> {
  const byId = new Map(datasets.map((dataset) => [datasetId(dataset), dataset]));
  const { rows } = await on.query<{ dataset_id: string; sync_count: number; last_modified_ms: number }>(
    READ_VERSIONS,
    [plainArray([...byId.keys()])],
  );
  return rows.flatMap((row) => {
    const dataset = byId.get(row.dataset_id);
    const version = { lastModifiedDate: row.last_modified_ms, syncCount: row.sync_count };
    return dataset ? [{ dataset, version }] : [];
  });
}
