import { randomUUID } from 'node:crypto';
import { STREAM_NAME } from '../../common/stream-name.ts';
import type { Database } from '../../database/database.ts';
import { changeSettings } from '../../identity/store/identity-pool-store.ts';
import { createIdentityStore } from '../../identity/store/identity-store.ts';
import { createPool, createPoolStore } from '../../sync/store/pool-store.ts';
import { setBridges } from '../../sync/store/replica/marks.ts';
import { transact } from '../../sync/store/transact.ts';
import type { MoveStore } from '../ports/move-store.ts';

/** Creates the part of the move store that creates pools, on any `Database`. */
export function createPoolCopyStore(
  database: Database,
  { now }: { now: () => number },
): Pick<MoveStore, 'poolExists' | 'withProbe' | 'createPool'> {
  const pools = createPoolStore(database);
  const identities = createIdentityStore(database);
  return {
    poolExists: async (identityPoolId) => (await pools.readPool(identityPoolId)) !== null,

    async withProbe(identityPoolId, work) {
      const identityId = `${identityPoolId.split(':')[0]}:${randomUUID()}`;
      await identities.createGuest({ identityPoolId, identityId }, now());
      try {
        return await work(identityId);
      } finally {
        await identities.deleteIdentity(identityId, now());
      }
    },

    createPool: (settings) =>
      transact(database, async (transaction) => {
        const { IdentityPoolId: identityPoolId } = settings;
        const stream = { streamName: STREAM_NAME, roleArn: null, disabledReason: null };
        const streams = { status: 'ENABLED', ...stream } as const;
        const pool = { identityPoolId, syncTrigger: null, streams, pushSync: null };
        const outcome = await createPool(transaction, pool, now());
        if (outcome === 'made') await changeSettings(transaction, settings);
        if (outcome === 'made') await setBridges(transaction, identityPoolId, true);
        return outcome;
      }),
  };
}
