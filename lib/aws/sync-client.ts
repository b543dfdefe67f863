import type { GetBulkPublishDetailsCommandOutput, _Record as WireRecord } from '@aws-sdk/client-cognito-sync';
import {
  type PublishDetails,
  type RemoteRecord,
  type SyncClient,
  SyncClientError,
} from '../backfill/ports/sync-client.ts';
import { nameOf, toAwsFailure } from './aws-failure.ts';
import type { CognitoSync } from './cognito-sync-client.ts';

// Page sizes that Amazon's own clients request, so Amazon Cognito Sync accepts them. Maximum page sizes are not
// documented.
const RECORDS_PER_PAGE = 1_024;
const DATASETS_PER_PAGE = 64;
const POOLS_PER_PAGE = 60;

/**
 * Creates the client for the Cognito Sync API with which lib/backfill runs bulk publishes and reconciles pools. Lists
 * include all pages. Source: Amazon Cognito Sync API Reference.
 *
 * @param client a client with developer credentials; the client's own retries remain enabled
 */
export function createSyncClient(client: CognitoSync): SyncClient {
  return {
    listPools: () => translateErrors(() => listPools(client)),
    readStreaming: (IdentityPoolId) =>
      translateErrors(async () => {
        const { CognitoStreams } = await client.getIdentityPoolConfiguration({ IdentityPoolId });
        return {
          isEnabled: CognitoStreams?.StreamingStatus === 'ENABLED',
          streamName: CognitoStreams?.StreamName ?? null,
          roleArn: CognitoStreams?.RoleArn ?? null,
        };
      }),
    readPublishDetails: (IdentityPoolId) =>
      translateErrors(async () => toDetails(await client.getBulkPublishDetails({ IdentityPoolId }))),
    startPublish: (IdentityPoolId) =>
      translateErrors(async () => {
        try {
          await client.bulkPublish({ IdentityPoolId });
          return 'started';
        } catch (error) {
          if (nameOf(error) === 'DuplicateRequestException') return 'in-progress';
          if (nameOf(error) === 'AlreadyStreamedException') return 'published-less-than-a-day-ago';
          throw error;
        }
      }),
    listDatasets: (identityPoolId, identityId) =>
      translateErrors(() => listDatasets(client, identityPoolId, identityId)),
    listRecords: (dataset) => translateErrors(() => listRecords(client, dataset)),
  };
}

async function listPools(client: CognitoSync): Promise<string[]> {
  const ids: string[] = [];
  let next: string | undefined;
  do {
    const page = await client.listIdentityPoolUsage({ MaxResults: POOLS_PER_PAGE, NextToken: next });
    for (const { IdentityPoolId } of page.IdentityPoolUsages ?? [])
      if (IdentityPoolId) ids.push(IdentityPoolId);
    next = page.NextToken;
  } while (next !== undefined);
  return ids;
}

async function listDatasets(
  client: CognitoSync,
  IdentityPoolId: string,
  IdentityId: string,
): Promise<string[]> {
  const names: string[] = [];
  let next: string | undefined;
  do {
    const MaxResults = DATASETS_PER_PAGE;
    const page = await client.listDatasets({ IdentityPoolId, IdentityId, MaxResults, NextToken: next });
    for (const { DatasetName } of page.Datasets ?? []) if (DatasetName) names.push(DatasetName);
    next = page.NextToken;
  } while (next !== undefined);
  return names;
}

async function listRecords(
  client: CognitoSync,
  { identityPoolId, identityId, datasetName }: Parameters<SyncClient['listRecords']>[0],
): ReturnType<SyncClient['listRecords']> {
  const dataset = { IdentityPoolId: identityPoolId, IdentityId: identityId, DatasetName: datasetName };
  const first = await client.listRecords({ ...dataset, MaxResults: RECORDS_PER_PAGE });
  const records = (first.Records ?? []).map(toListedRecord);
  let next = first.NextToken;
  while (next !== undefined) {
    const page = await client.listRecords({
      ...dataset,
      MaxResults: RECORDS_PER_PAGE,
      SyncSessionToken: first.SyncSessionToken,
      NextToken: next,
    });
    records.push(...(page.Records ?? []).map(toListedRecord));
    next = page.NextToken;
  }
  return { exists: first.DatasetExists ?? false, syncCount: first.DatasetSyncCount ?? 0, records };
}

function toListedRecord(record: WireRecord): RemoteRecord {
  const { Key, Value, SyncCount, LastModifiedDate, DeviceLastModifiedDate } = record;
  if (Key === undefined || SyncCount === undefined || LastModifiedDate === undefined) {
    throw new SyncClientError(
      'unavailable',
      'the service returned a record without a key, sync count or date',
    );
  }
  return {
    key: Key,
    value: Value ?? null,
    syncCount: SyncCount,
    lastModifiedDate: LastModifiedDate.getTime(),
    deviceLastModifiedDate: DeviceLastModifiedDate?.getTime() ?? null,
  };
}

function toDetails(details: GetBulkPublishDetailsCommandOutput): PublishDetails {
  const status = details.BulkPublishStatus ?? 'NOT_STARTED';
  const startedAt = details.BulkPublishStartTime?.getTime() ?? null;
  if (status !== 'NOT_STARTED' && startedAt === null) {
    throw new SyncClientError(
      'unavailable',
      `the service returned a bulk publish without a start time (status ${status})`,
    );
  }
  return {
    status,
    startedAt,
    completedAt: details.BulkPublishCompleteTime?.getTime() ?? null,
    failureMessage: details.FailureMessage ?? null,
  };
}

/**
 * @param call whether `work` changes stored data, so that it can reach a limit of stored data
 * @throws {SyncClientError} for any error that `work` throws
 */
export async function translateErrors<Answer>(
  work: () => Promise<Answer>,
  call: 'read' | 'write' = 'read',
): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SyncClientError) throw error;
    const { condition, message } = toAwsFailure(error, call);
    throw new SyncClientError(condition, message);
  }
}
