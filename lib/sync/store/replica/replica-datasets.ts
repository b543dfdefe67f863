import type { DatasetKey, IdentityKey } from '../../../common/dataset-key.ts';
import { plainArray } from '../../../database/array-literal.ts';
import type { Transaction } from '../../../database/database.ts';
import { datasetId } from '../../../database/row-ids.ts';
import type { Version } from '../../../stream/stream-event.ts';
import { LOCK_DATASET } from '../dataset-write-statements.ts';
import { lockIdentities } from '../lock-identities.ts';
import { writeReplica } from './write-replica.ts';

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

/** Raises the counts of those datasets $1 that exist. Their records keep their counts. */
const RAISE_COUNTS = `
UPDATE sync.datasets SET
  sync_count = sync_count + $2::bigint,
  counted_sync_count = counted_sync_count + $2::bigint
WHERE dataset_id = ANY ($1::uuid[]) AND sync_count > deleted_sync_count
RETURNING dataset_id, dataset_name, sync_count`;

/** The count that a dataset had before it was raised. */
export interface RaisedCount {
  datasetId: string;
  datasetName: string;
  syncCount: number;
}

/**
 * Raises the counts of an identity's existing datasets. The records keep their counts, so a device that has all records
 * receives none of them again. Locks the identity, so that no dataset is created in the meantime.
 */
export async function raiseCounts(
  on: Transaction,
  identity: IdentityKey,
  by: number,
): Promise<RaisedCount[]> {
  await lockIdentities(on, identity.identityPoolId, [identity.identityId]);
  const existing = (await listReplicas(on, identity)).filter(({ exists }) => exists);
  if (existing.length === 0) return [];
  const ids = existing.map(({ datasetName }) => datasetId({ ...identity, datasetName })).sort();
  const { rows } = await on.query<{ dataset_id: string; dataset_name: string; sync_count: number }>(
    RAISE_COUNTS,
    [plainArray(ids), by],
  );
  return rows.map((row) => ({
    datasetId: row.dataset_id,
    datasetName: row.dataset_name,
    syncCount: row.sync_count - by,
  }));
}

/**
 * Stores that a dataset was deleted at another service, unless it exists here.
 * @param version the version of the deletion
 * @returns false if the dataset exists here; then nothing is written
 */
export async function keepDeletion(on: Transaction, dataset: DatasetKey, version: Version): Promise<boolean> {
  await lockIdentities(on, dataset.identityPoolId, [dataset.identityId]);
  await on.query(LOCK_DATASET, [datasetId(dataset)]);
  const known = (await listReplicas(on, dataset)).find(
    ({ datasetName }) => datasetName === dataset.datasetName,
  );
  if (known?.exists) return false;
  await writeReplica(on, { dataset, version, removal: version, records: [], listing: null }, null);
  return true;
}
