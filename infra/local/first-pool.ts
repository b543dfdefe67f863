import type { Database } from '../../lib/store/database.ts';
import { createPoolStore } from '../../lib/store/pool-store.ts';
import { firstPoolId, functionArn, STREAM_NAME, SYNC_TRIGGER_NAME } from './names.ts';

/**
 * Makes the identity pool that every local cloud has, with streaming on and the sync trigger set; one that is there
 * stays as it is.
 */
export async function ensureFirstPool(database: Database, region: string): Promise<void> {
  const pool = {
    identityPoolId: firstPoolId(region),
    syncTrigger: functionArn(region, SYNC_TRIGGER_NAME),
    streams: { status: 'ENABLED' as const, streamName: STREAM_NAME, roleArn: null, disabledReason: null },
    pushSync: null,
  };
  await createPoolStore(database).createPool(pool, Date.now());
}
