import type { Dataset, ListRecordsCommandOutput, _Record as WireRecord } from '@aws-sdk/client-cognito-sync';
import { SyncClientError } from '../backfill/ports/sync-client.ts';
import type { DatasetKey } from '../common/dataset-key.ts';
import type { Origin, OriginDataset, OriginListing, OriginPatch } from '../move/ports/origin.ts';
import type { ReplicaRecord } from '../sync/replica.ts';
import { nameOf } from './aws-failure.ts';
import type { CognitoSync } from './cognito-sync-client.ts';
import { translateErrors } from './sync-client.ts';

// Page sizes that Amazon's own clients request, so Amazon Cognito Sync accepts them. Maximum page sizes are not
// documented.
const RECORDS_PER_PAGE = 1_024;
const DATASETS_PER_PAGE = 64;

/** Creates the calls that read and write the datasets of the origin. Source: Amazon Cognito Sync API Reference. */
export function createOriginData(
  client: CognitoSync,
): Pick<Origin, 'listDatasets' | 'listRecords' | 'wasDeletedAfter' | 'update' | 'deleteDataset'> {
  return {
    listDatasets: ({ identityPoolId: IdentityPoolId, identityId: IdentityId }) =>
      translateErrors(async () => {
        const datasets: OriginDataset[] = [];
        let NextToken: string | undefined;
        do {
          const about = { IdentityPoolId, IdentityId, MaxResults: DATASETS_PER_PAGE, NextToken };
          const page = await client.listDatasets(about);
          datasets.push(...(page.Datasets ?? []).flatMap(toDataset));
          NextToken = page.NextToken;
        } while (NextToken !== undefined);
        return datasets;
      }),

    listRecords: (dataset) => translateErrors(() => listRecords(client, dataset)),

    wasDeletedAfter: (dataset, LastSyncCount) =>
      translateErrors(async () => {
        const about = { ...inputOf(dataset), MaxResults: 1, LastSyncCount };
        const { DatasetDeletedAfterRequestedSyncCount } = await client.listRecords(about);
        return DatasetDeletedAfterRequestedSyncCount ?? false;
      }),

    update: (dataset, patches) => translateErrors(() => update(client, dataset, patches), 'write'),
    deleteDataset: (dataset, syncCount) =>
      translateErrors(() => deleteDataset(client, dataset, syncCount), 'write'),
  };
}

/** Lists one record. The response has the session token that an update needs, and the dataset's sync count. */
async function openSession(client: CognitoSync, dataset: DatasetKey): Promise<ListRecordsCommandOutput> {
  return client.listRecords({ ...inputOf(dataset), MaxResults: 1 });
}

async function update(
  client: CognitoSync,
  dataset: DatasetKey,
  patches: readonly OriginPatch[],
): Promise<number | 'conflict'> {
  const { SyncSessionToken } = await openSession(client, dataset);
  try {
    const { Records = [] } = await client.updateRecords({
      ...inputOf(dataset),
      SyncSessionToken,
      RecordPatches: patches.map(({ key, value, syncCount, deviceMs }) => ({
        Op: value === null ? 'remove' : 'replace',
        Key: key,
        Value: value ?? undefined,
        SyncCount: syncCount,
        DeviceLastModifiedDate: deviceMs === null ? undefined : new Date(deviceMs),
      })),
    });
    const counts = Records.flatMap(({ SyncCount }) => SyncCount ?? []);
    if (counts.length > 0) return Math.max(...counts);
    throw new SyncClientError('unavailable', 'the origin returned no record for an update');
  } catch (error) {
    if (nameOf(error) === 'ResourceConflictException') return 'conflict';
    throw error;
  }
}

async function deleteDataset(
  client: CognitoSync,
  dataset: DatasetKey,
  syncCount: number,
): Promise<'deleted' | 'raced' | 'changed'> {
  try {
    const { Dataset: before } = await client.describeDataset(inputOf(dataset));
    if ((await openSession(client, dataset)).DatasetSyncCount !== syncCount) return 'changed';
    const { Dataset: deleted } = await client.deleteDataset(inputOf(dataset));
    const [then, last] = [before?.LastModifiedDate, deleted?.LastModifiedDate];
    return then !== undefined && last !== undefined && last > then ? 'raced' : 'deleted';
  } catch (error) {
    // Another request deleted or changed the dataset first. The next listing shows the result.
    if (nameOf(error) === 'ResourceNotFoundException' || nameOf(error) === 'ResourceConflictException')
      return 'changed';
    throw error;
  }
}

function inputOf({ identityPoolId, identityId, datasetName }: DatasetKey) {
  return { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: datasetName };
}

async function listRecords(client: CognitoSync, dataset: DatasetKey): Promise<OriginListing> {
  const about = { ...inputOf(dataset), MaxResults: RECORDS_PER_PAGE };
  const first = await client.listRecords(about);
  const records = (first.Records ?? []).map(toRecord);
  for (let next = first.NextToken; next !== undefined; ) {
    const page: ListRecordsCommandOutput = await client.listRecords({
      ...about,
      SyncSessionToken: first.SyncSessionToken,
      NextToken: next,
    });
    records.push(...(page.Records ?? []).map(toRecord));
    next = page.NextToken;
  }
  const isOnePage = first.NextToken === undefined;
  return {
    exists: first.DatasetExists ?? false,
    syncCount: first.DatasetSyncCount ?? 0,
    lastModifiedBy: first.LastModifiedBy ?? null,
    records,
    mergedNames: first.MergedDatasetNames ?? [],
    isConsistent: isOnePage || (await isUnchanged(client, dataset, first)),
  };
}

/**
 * Returns whether nothing was written to the dataset since its first page was read. A record that is written while the
 * pages are read can be missing from every page.
 */
async function isUnchanged(
  client: CognitoSync,
  dataset: DatasetKey,
  { DatasetSyncCount: LastSyncCount }: ListRecordsCommandOutput,
): Promise<boolean> {
  const now = await client.listRecords({ ...inputOf(dataset), MaxResults: 1, LastSyncCount });
  return now.DatasetExists === true && now.DatasetSyncCount === LastSyncCount;
}

function toDataset(dataset: Dataset): OriginDataset[] {
  const { DatasetName, CreationDate, LastModifiedDate, LastModifiedBy, NumRecords, DataStorage } = dataset;
  if (DatasetName === undefined) return [];
  const lastModifiedDate = LastModifiedDate?.getTime() ?? 0;
  return [
    {
      datasetName: DatasetName,
      creationDate: CreationDate?.getTime() ?? lastModifiedDate,
      lastModifiedDate,
      lastModifiedBy: LastModifiedBy ?? null,
      numRecords: NumRecords ?? 0,
      dataStorage: DataStorage ?? 0,
    },
  ];
}

function toRecord(record: WireRecord): ReplicaRecord {
  const { Key, Value, SyncCount, LastModifiedDate, LastModifiedBy, DeviceLastModifiedDate } = record;
  if (Key === undefined || SyncCount === undefined || LastModifiedDate === undefined) {
    throw new SyncClientError(
      'unavailable',
      'the origin returned a record without a key, sync count or date',
    );
  }
  return {
    key: Key,
    value: Value ?? null,
    version: { lastModifiedDate: LastModifiedDate.getTime(), syncCount: SyncCount },
    deviceLastModifiedDate: DeviceLastModifiedDate?.getTime() ?? null,
    lastModifiedBy: LastModifiedBy ?? null,
  };
}
