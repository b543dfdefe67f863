import { setTimeout as timer } from 'node:timers/promises';
import { openOrigin } from '../../aws/origin.ts';
import { type PacedCalls, retryPaced } from '../../backfill/reconcile/reconcile-calls.ts';
import type { BridgeDeps } from '../../move/bridge.ts';
import type { OriginRates } from '../../move/origin-rates.ts';
import type { MoveStore } from '../../move/ports/move-store.ts';
import type { Origin } from '../../move/ports/origin.ts';
import { type OriginSettings, originName } from '../../move/read-origin-settings.ts';

interface OpenBridgedOriginsDeps {
  pools: Pick<MoveStore, 'readPool'>;
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  /** Ends the pauses between retries. */
  signal?: AbortSignal;
}

/**
 * A call is retried only once, so that a failing dataset does not block a worker. A later run tries the dataset again.
 */
const RETRIES = { pausesMs: [1_000], retried: ['throttled'] } as const;

/**
 * Creates the access to the origins of pools for the bridge, which keeps a migrated pool and its origin equal. Opens
 * each origin once; `close` closes all of them.
 */
export function openBridgedOrigins({ pools, readOrigin, originRates, signal }: OpenBridgedOriginsDeps): {
  originOf: BridgeDeps['originOf'];
  close: () => void;
} {
  const opened = new Map<string, { origin: Origin; paced: PacedCalls }>();
  const sleep = (ms: number) => timer(ms, undefined, { signal }).catch(() => undefined);
  return {
    async originOf(identityPoolId) {
      const pool = await pools.readPool(identityPoolId, Date.now());
      if (pool !== null && pool.finishedAt !== null) return 'finished';
      const settings = readOrigin(identityPoolId);
      const name = originName(settings);
      if (pool?.origin !== name) return null;
      const known = opened.get(name);
      if (known) return known;
      const paced = retryPaced(originRates(settings), { sleep, signal, ...RETRIES });
      const origin = { origin: openOrigin(settings), paced };
      opened.set(name, origin);
      return origin;
    },

    close() {
      for (const { origin } of opened.values()) origin.close();
    },
  };
}
