import type { Dataset } from './model.ts';
import type { IdentityPoolConfiguration, IdentityPoolUsage } from './pool-model.ts';
import type { IdentityPool, PoolUsage } from './ports/pool-store.ts';
import type { StoredDataset } from './ports/sync-store.ts';

/** Converts a stored dataset to its API form. */
export function toDataset(identityId: string, stored: StoredDataset): Dataset {
  return {
    IdentityId: identityId,
    DatasetName: stored.datasetName,
    CreationDate: stored.creationDate,
    LastModifiedDate: stored.lastModifiedDate,
    LastModifiedBy: stored.lastModifiedBy,
    DataStorage: stored.dataStorage,
    NumRecords: stored.numRecords,
  };
}

/**
 * Converts the usage of a pool to its API form. SyncSessionsCount is null, because this service does not count
 * sessions. Amazon's service also sends null.
 */
export function toPoolUsage({ identityPoolId, dataStorage, lastModifiedDate }: PoolUsage): IdentityPoolUsage {
  return {
    IdentityPoolId: identityPoolId,
    SyncSessionsCount: null,
    DataStorage: dataStorage,
    LastModifiedDate: lastModifiedDate,
  };
}

/** Converts the settings of a pool to their API form. */
export function toPoolConfiguration({
  identityPoolId,
  streams,
  pushSync,
}: IdentityPool): IdentityPoolConfiguration {
  return {
    IdentityPoolId: identityPoolId,
    PushSync: pushSync && { ApplicationArns: [...pushSync.applicationArns], RoleArn: pushSync.roleArn },
    CognitoStreams: streams && {
      StreamName: streams.streamName,
      RoleArn: streams.roleArn,
      StreamingStatus: streams.status,
      DisabledReason: streams.disabledReason,
    },
  };
}
