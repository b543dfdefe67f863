import { createProviderFetch } from '../../lib/aws/provider-fetch.ts';
import { openPublicOrigin } from '../../lib/aws/public-origin.ts';
import { isLoopback } from '../../lib/common/loopback.ts';
import type { Database } from '../../lib/database/database.ts';
import { createOriginTokens, type OriginTokenKeys } from '../../lib/identity/logins/origin-tokens.ts';
import { createOriginLogins, type OriginLoginsDeps } from '../../lib/move/origin-logins.ts';
import type { OriginSettings } from '../../lib/move/read-origin-settings.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import { createTakeOverStore } from '../../lib/move/store/take-over-store.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';

interface OpenOriginLoginsDeps extends Pick<OriginLoginsDeps, 'ownership' | 'report'> {
  database: Database;
  readOrigin: (identityPoolId: string) => OriginSettings;
  offloading: Offloading;
}

/** Creates the functions that ask the origins of migrations about logins, with the adapters of the local cloud. */
export function openOriginLogins({ database, readOrigin, offloading, ...deps }: OpenOriginLoginsDeps) {
  const onThisMachine = new Set<string>();
  const open = createOriginTokens({
    fetchJson: createProviderFetch({ loopbackOrigins: onThisMachine }),
    now: Date.now,
  });
  /** Allows keys on this machine, because the operator has configured them. Other private addresses are refused. */
  function allow(keys: OriginTokenKeys): void {
    if (!('jwksUri' in keys)) return;
    const { hostname, origin } = new URL(keys.jwksUri);
    if (isLoopback(hostname)) onThisMachine.add(origin);
  }
  return createOriginLogins({
    ...deps,
    store: createMoveStore(database, { offloading, now: Date.now }),
    takeOvers: createTakeOverStore(database),
    openPublicOrigin: (identityPoolId) => openPublicOrigin(readOrigin(identityPoolId)),
    async openToken(identityPoolId, token) {
      const { tokenKeys } = readOrigin(identityPoolId);
      if (tokenKeys === undefined) return { state: 'invalid' };
      allow(tokenKeys);
      return open(tokenKeys, identityPoolId, token);
    },
    now: Date.now,
    steadyNow: () => performance.now(),
  });
}
