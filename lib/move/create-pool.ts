import { STREAM_NAME } from '../common/stream-name.ts';
import type { IdentityStore } from '../identity/ports/identity-store.ts';
import type { PoolStore } from '../sync/ports/pool-store.ts';
import type { CopyDeps } from './copy-run.ts';

/**
 * Creates the function that creates a pool with the settings it has at the origin. The pool streams here, so the query
 * store shows what is copied. It has no sync trigger: the origin's function cannot be called from here.
 */
export function createPoolFrom({
  pools,
  identities,
  now,
}: {
  pools: Pick<PoolStore, 'createPool'>;
  identities: Pick<IdentityStore, 'readPool' | 'changePool'>;
  now: () => number;
}): CopyDeps['createPool'] {
  return async (settings) => {
    const { IdentityPoolId: identityPoolId } = settings;
    const streams = {
      status: 'ENABLED',
      streamName: STREAM_NAME,
      roleArn: null,
      disabledReason: null,
    } as const;
    const pool = { identityPoolId, syncTrigger: null, streams, pushSync: null };
    const outcome = await pools.createPool(pool, now());
    if (outcome !== 'made') return outcome;
    const created = await identities.readPool(identityPoolId);
    if (created) await identities.changePool(created, settings);
    return outcome;
  };
}
