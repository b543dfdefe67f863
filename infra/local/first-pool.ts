import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../lib/database/database.ts';
import { keepMergesOfPool } from '../../lib/identity/store/deleted-merges.ts';
import { createDeletePoolData } from '../../lib/sync/jobs/delete-pool-data.ts';
import { createPoolDataStore } from '../../lib/sync/store/pool-data-store.ts';
import { createPoolStore } from '../../lib/sync/store/pool-store.ts';
import { createSyncStore } from '../../lib/sync/store/sync-store.ts';
import { firstPoolId, functionArn, STREAM_NAME, SYNC_TRIGGER_NAME } from './names.ts';

/**
 * Creates the identity pool that every local cloud has, with streaming enabled and the sync trigger set. An existing
 * pool is not changed. If the pool is marked as deleted because a crash interrupted its deletion, the deletion is
 * completed first.
 */
export async function ensureFirstPool(database: Database, region: string): Promise<void> {
  const pool = {
    identityPoolId: firstPoolId(region),
    syncTrigger: functionArn(region, SYNC_TRIGGER_NAME),
    streams: { status: 'ENABLED' as const, streamName: STREAM_NAME, roleArn: null, disabledReason: null },
    pushSync: null,
  };
  const pools = createPoolStore(database);
  if ((await pools.createPool(pool, Date.now())) !== 'being deleted') return;
  const deletePoolData = createDeletePoolData({
    store: createSyncStore(database),
    poolData: createPoolDataStore(database),
    keepMerges: (identityPoolId) => keepMergesOfPool(database, identityPoolId, Date.now()),
    now: Date.now,
    // The deletion's events stay in the outbox for now. The schedule that publishes events starts later and finds them
    // there.
    afterWrite: () => undefined,
    sleep,
  });
  await deletePoolData(pool.identityPoolId);
  await pools.createPool(pool, Date.now());
}
