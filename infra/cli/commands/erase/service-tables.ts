import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceTables } from '../../../../lib/backfill/ports/service-tables.ts';
import type { Database } from '../../../../lib/database/database.ts';
import { createIdentityStore } from '../../../../lib/identity/store/identity-store.ts';
import { createMergedIdentities } from '../../../../lib/identity/store/merged-identities.ts';
import { createMovedRows } from '../../../../lib/move/store/moved-rows.ts';
import { createDeleteIdentityData } from '../../../../lib/sync/jobs/delete-identity-data.ts';
import { createIdentityDataStore } from '../../../../lib/sync/store/identity-data-store.ts';
import { createSyncStore } from '../../../../lib/sync/store/sync-store.ts';
import { createUnpublishedStore } from '../../../../lib/sync/store/unpublished-store.ts';

/**
 * Creates the access to the service's tables in this database: those of the identities, of the datasets and of
 * migrations.
 */
export function createServiceTables(database: Database, now: () => number): ServiceTables {
  const { markDeleted, ...unpublished } = createUnpublishedStore(database);
  const { describe, countIdentity, identityExists } = createMergedIdentities(database);
  const moved = createMovedRows(database);
  const identities = createIdentityStore(database);
  const deleteIdentityData = createDeleteIdentityData({
    store: createSyncStore(database),
    identityData: createIdentityDataStore(database),
    now,
    sleep,
    // Nothing to do: the relay of the service publishes the events within seconds.
    afterWrite: () => undefined,
  });
  return {
    ...unpublished,
    describe,
    async count(identity) {
      return {
        ...(await countIdentity(identity)),
        ...(await unpublished.count(identity)),
        ...(await moved.count(identity)),
      };
    },
    async eraseUnpublished(identity, options) {
      await unpublished.eraseUnpublished(identity, options);
      await moved.erase(identity, now());
    },
    async removeIdentity({ identityId }) {
      await identities.deleteIdentity(identityId, now());
    },
    async deleteData(identity) {
      // `deleteIdentityData` deletes only the data of an identity that is marked as deleted. The mark can be missing
      // for two reasons: only developers have written data for this id, so there was no identity to delete; or the mark
      // of an earlier deletion has expired.
      if (!(await identityExists(identity))) await markDeleted(identity, now());
      await deleteIdentityData(identity);
    },
  };
}
