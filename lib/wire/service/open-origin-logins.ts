import { createProviderFetch } from '../../aws/provider-fetch.ts';
import { isLoopback } from '../../common/loopback.ts';
import type { Database } from '../../database/database.ts';
import { createOriginTokens, type OriginTokenKeys } from '../../identity/logins/origin-tokens.ts';
import { createOriginLogins, type OriginLoginsDeps } from '../../move/origin-logins.ts';
import type { PublicOrigin } from '../../move/ports/public-origin.ts';
import type { OriginSettings } from '../../move/read-origin-settings.ts';
import { createMoveStore } from '../../move/store/move-store.ts';
import { createTakeOverStore } from '../../move/store/take-over-store.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';

interface OpenOriginLoginsDeps extends Pick<OriginLoginsDeps, 'ownership' | 'report' | 'steadyNow'> {
  database: Database;
  readOrigin: (identityPoolId: string) => OriginSettings;
  openPublicOrigin: (settings: OriginSettings) => PublicOrigin | Promise<PublicOrigin>;
  offloading: Offloading;
}

/** Creates the functions that ask the origins of migrations about logins. */
export function openOriginLogins({
  database,
  readOrigin,
  openPublicOrigin,
  offloading,
  ...deps
}: OpenOriginLoginsDeps) {
  const onThisMachine = new Set<string>();
  const open = createOriginTokens({
    fetchJson: createProviderFetch({ loopbackOrigins: onThisMachine }),
    now: Date.now,
  });
  /**
   * Allows token keys whose address is on this machine, because the operator has configured it. Other private addresses
   * are refused.
   */
  function allow(keys: OriginTokenKeys): void {
    if (!('jwksUri' in keys)) return;
    const { hostname, origin } = new URL(keys.jwksUri);
    if (isLoopback(hostname)) onThisMachine.add(origin);
  }
  return createOriginLogins({
    ...deps,
    store: createMoveStore(database, { offloading, now: Date.now }),
    takeOvers: createTakeOverStore(database),
    openPublicOrigin: async (identityPoolId) => openPublicOrigin(readOrigin(identityPoolId)),
    async openToken(identityPoolId, token) {
      const { tokenKeys } = readOrigin(identityPoolId);
      if (tokenKeys === undefined) return { state: 'invalid' };
      allow(tokenKeys);
      return open(tokenKeys, identityPoolId, token);
    },
    now: Date.now,
  });
}
