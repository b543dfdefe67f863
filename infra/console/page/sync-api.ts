import { ApiError } from './api.ts';
import type { DatasetId } from './model.ts';
import { sendSigned } from './signed.ts';

/** A record as the Sync API returns it. */
export interface ServerRecord {
  Key: string;
  /** Null if the record was removed. */
  Value: string | null;
  SyncCount: number;
  LastModifiedBy?: string;
}

interface RecordList {
  Records?: ServerRecord[];
  SyncSessionToken?: string;
}

/** @throws {ApiError} */
export function listRecords(dataset: DatasetId): Promise<RecordList> {
  return sendSigned({ service: 'cognito-sync', path: `${pathOf(dataset)}/records` });
}

/**
 * Writes or removes one record with the developer key, so the sync trigger does not run.
 *
 * @param syncCount the count of the version that the user saw; 0 for a new record
 * @param value null removes the record
 * @throws {ApiError} `ResourceConflictException` if the record has changed since the user saw it, or no longer exists
 */
export async function writeRecord(
  dataset: DatasetId,
  { key, value, syncCount }: { key: string; value: string | null; syncCount: number },
): Promise<void> {
  const { Records = [], SyncSessionToken } = await listRecords(dataset);
  // The service accepts a patch of a record that was deleted with its dataset: it creates the dataset again.
  if (syncCount > 0 && !Records.some(({ Key }) => Key === key)) {
    throw new ApiError(409, 'The record no longer exists.', 'ResourceConflictException');
  }
  const patch = {
    Key: key,
    Op: value === null ? 'remove' : 'replace',
    SyncCount: syncCount,
    DeviceLastModifiedDate: Date.now() / 1_000,
    ...(value !== null && { Value: value }),
  };
  await sendSigned({
    service: 'cognito-sync',
    method: 'POST',
    path: pathOf(dataset),
    body: { RecordPatches: [patch], SyncSessionToken },
  });
}

/** The names of the service's identity pools, by id. @throws {ApiError} */
export async function poolNames(): Promise<ReadonlyMap<string, string>> {
  const { IdentityPools = [] } = await sendSigned<{
    IdentityPools?: { IdentityPoolId: string; IdentityPoolName: string }[];
  }>({
    service: 'cognito-identity',
    method: 'POST',
    path: '/',
    headers: {
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'AWSCognitoIdentityService.ListIdentityPools',
    },
    body: { MaxResults: 60 },
    isBackground: true,
  });
  return new Map(
    IdentityPools.map(({ IdentityPoolId, IdentityPoolName }) => [IdentityPoolId, IdentityPoolName]),
  );
}

function pathOf({ identityPoolId, identityId, datasetName }: DatasetId): string {
  const [pool, identity, dataset] = [identityPoolId, identityId, datasetName].map(encodeURIComponent);
  return `/identitypools/${pool}/identities/${identity}/datasets/${dataset}`;
}
