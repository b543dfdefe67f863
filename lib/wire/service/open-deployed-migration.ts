import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '../../common/environment.ts';
import { createOriginRates } from '../../move/origin-rates.ts';
import { readDeployedOrigin } from '../../move/read-deployed-origin.ts';
import { type OpenedMigration, type OpenMigrationDeps, openMigration } from './open-migration.ts';

interface OpenDeployedMigrationDeps extends Omit<OpenMigrationDeps, 'readOrigin' | 'originRates'> {
  env: Environment;
  /** The keys of the origin, in the format of SERVICE_KEYS; may be empty. */
  originKeys: string;
}

/**
 * Opens the migration of a deployed function, whose pools all have the same origin.
 * @throws {SetupError} a variable or the keys are invalid
 */
export function openDeployedMigration({
  env,
  originKeys,
  ...deps
}: OpenDeployedMigrationDeps): OpenedMigration {
  const settings = readDeployedOrigin(env, originKeys);
  const originRates = createOriginRates({
    now: Date.now,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
  });
  return openMigration({ ...deps, originRates, readOrigin: () => settings });
}
