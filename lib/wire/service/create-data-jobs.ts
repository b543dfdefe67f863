import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../database/database.ts';
import type { IdentityDependencies } from '../../identity/dependencies.ts';
import { keepMergesOfPool } from '../../identity/store/deleted-merges.ts';
import { createMergedRecords } from '../../move/store/merged-records.ts';
import { createMovedRows } from '../../move/store/moved-rows.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';
import type { SyncDependencies } from '../../sync/dependencies.ts';
import { createDeleteIdentityData } from '../../sync/jobs/delete-identity-data.ts';
import { createDeletePoolData } from '../../sync/jobs/delete-pool-data.ts';
import { createMergeDatasets } from '../../sync/jobs/merge-datasets.ts';
import { createIdentityDataStore } from '../../sync/store/identity-data-store.ts';
import { createMergeStore } from '../../sync/store/merge-store.ts';
import { createPoolDataStore } from '../../sync/store/pool-data-store.ts';
import { createSyncStore } from '../../sync/store/sync-store.ts';

/** Work of Cognito Identity on the data of Cognito Sync. Each call can be repeated. */
export type DataJobs = Pick<IdentityDependencies, 'mergeDatasets' | 'deletePoolData' | 'deleteIdentityData'>;

export interface DataJobsDeps {
  database: Database;
  offloading: Offloading;
  /** Called after each committed change, with the outbox id of the change's event. */
  afterWrite: SyncDependencies['afterWrite'];
}

/**
 * Creates the work that merges and deletions cause: moving the datasets of a merged identity, and deleting the data of
 * deleted pools and identities. The operations of Cognito Identity start this work. Scheduled functions finish what was
 * interrupted.
 */
export function createDataJobs({ database, offloading, afterWrite }: DataJobsDeps): DataJobs {
  const store = createSyncStore(database);
  const deletion = { store, now: Date.now, afterWrite, sleep };
  const movedRows = createMovedRows(database);
  const identityData = createIdentityDataStore(database);
  const deleteIdentityData = createDeleteIdentityData({ ...deletion, identityData });
  return {
    mergeDatasets: createMergeDatasets({
      store,
      merges: createMergeStore(database, { choose: createMergedRecords({ now: Date.now }) }),
      offloading,
      now: Date.now,
      afterWrite,
    }),
    deletePoolData: createDeletePoolData({
      ...deletion,
      poolData: createPoolDataStore(database),
      keepMerges: (identityPoolId) => keepMergesOfPool(database, identityPoolId, Date.now()),
    }),
    async deleteIdentityData(identity) {
      // Erase the rows of migrations first. Once `deleteIdentityData` is complete, the deletion is not repeated.
      await movedRows.erase(identity, Date.now());
      return deleteIdentityData(identity);
    },
  };
}
