import type { Dataset } from './model.ts';
import type { IdentityPoolConfiguration, IdentityPoolUsage } from './pool-model.ts';
import type { IdentityPool, PoolUsage } from './ports/pool-store.ts';
import type { StoredDataset } from './ports/sync-store.ts';

/** The dataset as the API shows it. */
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

/** What is used of a pool as the API shows it. Sessions are not counted; the service itself sends null, too. */
export function toPoolUsage({ identityPoolId, dataStorage, lastModifiedDate }: PoolUsage): IdentityPoolUsage {
  return {
    IdentityPoolId: identityPoolId,
    SyncSessionsCount: null,
    DataStorage: dataStorage,
    LastModifiedDate: lastModifiedDate,
  };
}

/** What is set for a pool as the API shows it. */
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
