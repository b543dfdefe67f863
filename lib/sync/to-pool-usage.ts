import type { IdentityPoolUsage } from './pool-model.ts';
import type { PoolUsage } from './ports/pool-store.ts';

/** What is used of a pool as the API shows it. Sessions are not counted; the service itself sends null, too. */
export function toPoolUsage({ identityPoolId, dataStorage, lastModifiedDate }: PoolUsage): IdentityPoolUsage {
  return {
    IdentityPoolId: identityPoolId,
    SyncSessionsCount: null,
    DataStorage: dataStorage,
    LastModifiedDate: lastModifiedDate,
  };
}
