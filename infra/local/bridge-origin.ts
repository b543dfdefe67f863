import { createBridgeOrigin } from '../../functions/bridge-origin.ts';
import type { Database } from '../../lib/database/database.ts';
import type { OriginRates } from '../../lib/move/origin-rates.ts';
import type { OriginSettings } from '../../lib/move/read-origin-settings.ts';
import { createBridgeStore } from '../../lib/move/store/bridge-store.ts';
import { createMoveStore } from '../../lib/move/store/move-store.ts';
import type { Offloading } from '../../lib/sync/build-stream-event.ts';
import type { PushedChange } from '../../lib/sync/push/push-message.ts';
import { openBridgedOrigins } from '../../lib/wire/service/open-bridged-origins.ts';
import type { Schedule } from './schedules/schedule.ts';
import { startScheduledFunction } from './schedules/scheduled-function.ts';

const INTERVAL_MS = 1_000;
/** Time limit of a run. A run may take that long, because the local cloud aborts the run when the local cloud stops. */
const BUDGET_MS = 60_000;

interface BridgeOriginDeps {
  database: Database;
  region: string;
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  offloading: Offloading;
  /** Called after the bridge has changed data of this service, so that the relay publishes the event of the change. */
  onWritten: () => void;
  notifyDevices: (change: PushedChange) => Promise<void>;
}

/**
 * Starts the schedule of the bridge, which keeps data of pools that are being migrated equal here and at the origin.
 */
export function startOriginBridge({
  database,
  region,
  offloading,
  onWritten,
  notifyDevices,
  ...deps
}: BridgeOriginDeps): Schedule {
  const stopping = new AbortController();
  const { signal } = stopping;
  const pools = createMoveStore(database, { offloading, now: Date.now });
  const { originOf, close } = openBridgedOrigins({ ...deps, pools, signal });
  const schedule = startScheduledFunction({
    functionName: 'bridge-origin',
    region,
    intervalMs: INTERVAL_MS,
    create: (logger) =>
      createBridgeOrigin({
        store: createBridgeStore(database, { offloading }),
        originOf,
        logger,
        onWritten,
        notifyDevices,
        signal,
        timeBudgetMs: BUDGET_MS,
      }),
  });
  return {
    ...schedule,
    async close() {
      stopping.abort();
      await schedule.close();
      close();
    },
  };
}
