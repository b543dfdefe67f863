import { setTimeout as sleep } from 'node:timers/promises';
import { createSteadyClock } from '../../common/steady-clock.ts';
import type { DatabaseUse } from '../../database/connections.ts';
import type { Database } from '../../database/database.ts';
import { limitRate, type OriginRates } from '../../move/origin-rates.ts';
import { createOwnership, type Ownership } from '../../move/ownership.ts';
import type { Origin } from '../../move/ports/origin.ts';
import type { PublicOrigin } from '../../move/ports/public-origin.ts';
import type { OriginSettings } from '../../move/read-origin-settings.ts';
import { createMoveStore } from '../../move/store/move-store.ts';
import { createTakeOverStore } from '../../move/store/take-over-store.ts';
import type { Offloading } from '../../sync/build-stream-event.ts';
import type { Limits } from '../../sync/limits.ts';
import { logByCause } from '../log-by-cause.ts';
import { createFailureLogger } from './failure-logger.ts';
import { openOriginLogins } from './open-origin-logins.ts';

/** What is needed to open a migration for the requests of a process. */
export interface OpenMigrationDeps {
  databases: Readonly<Record<Extract<DatabaseUse, 'reads' | 'writes' | 'identity'>, Database>>;
  /** Reads the address and the credentials of a pool's origin. @throws {SetupError} a variable is invalid */
  readOrigin: (identityPoolId: string) => OriginSettings;
  originRates: OriginRates;
  openOrigin: (settings: OriginSettings) => Origin | Promise<Origin>;
  openPublicOrigin: (settings: OriginSettings) => PublicOrigin | Promise<PublicOrigin>;
  offloading: Offloading;
  limits: Limits;
}

/** The part of a migration that requests of clients need: takeovers, and questions to the origin about logins. */
export interface OpenedMigration {
  ownership: Ownership;
  originLogins: ReturnType<typeof openOriginLogins>;
  /** Closes the connections to the origins. */
  close(): void;
}

/** Opens the migration for the requests of a process. The local cloud and the Lambda function both compose it here. */
export function openMigration({
  databases,
  readOrigin,
  originRates,
  openOrigin,
  openPublicOrigin,
  offloading,
  limits,
}: OpenMigrationDeps): OpenedMigration {
  const steadyNow = createSteadyClock();
  const { error: report } = logByCause(createFailureLogger('take-over'), steadyNow);
  const pause = (ms: number) => sleep(ms, undefined, { ref: false });
  // Every request calls `listMoving` and `ownersOf`, so they use the database for reads and do not wait for writes.
  const { listMoving, ownersOf } = createTakeOverStore(databases.reads);
  const ownership = createOwnership({
    takeOvers: { ...createTakeOverStore(databases.writes), listMoving, ownersOf },
    store: createMoveStore(databases.writes, { offloading, now: Date.now }),
    limits,
    async openOrigin(identityPoolId) {
      const settings = readOrigin(identityPoolId);
      return limitRate(await openOrigin(settings), originRates(settings), { sleep: pause });
    },
    now: Date.now,
    steadyNow,
    sleep: pause,
    report,
  });
  const originLogins = openOriginLogins({
    database: databases.identity,
    ownership,
    readOrigin,
    openPublicOrigin,
    offloading,
    steadyNow,
    report,
  });
  return {
    ownership,
    originLogins,
    close() {
      originLogins.close();
      ownership.close();
    },
  };
}
