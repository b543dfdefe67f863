import { authorizeDeveloper } from '../../common/caller.ts';
import { invalidParameter, ServiceError } from '../../common/errors.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import { FUNCTION_ARN_PATTERN, isFunctionArn } from '../function-arn.ts';
import type { SyncOperations } from '../model.ts';
import type { PoolStore } from '../ports/pool-store.ts';

/** The only supported event. */
const SYNC_TRIGGER = 'SyncTrigger';
/**
 * Maximum number of attempts. An attempt fails only if another change has succeeded, so only a long series of other
 * changes can reach this limit.
 */
const ATTEMPTS = 10;

/**
 * SetCognitoEvents: sets the function of the named event. An empty string removes the function. An event that is not
 * named keeps its function.
 *
 * @throws {ServiceError} InvalidParameterException if the event is unknown or the value is not a function's ARN;
 *   ResourceNotFoundException if the pool does not exist; TooManyRequestsException if other requests keep changing the
 *   pool; NotAuthorizedException
 */
export function createSetCognitoEvents({
  pools,
}: Pick<SyncDependencies, 'pools'>): SyncOperations['SetCognitoEvents'] {
  return async ({ IdentityPoolId, Events }, caller) => {
    authorizeDeveloper(caller);
    await setSyncTrigger(pools, IdentityPoolId, readSyncTrigger(Events));
    return {};
  };
}

/** @returns null to remove the function; undefined to keep it */
function readSyncTrigger(events: Readonly<Record<string, string>>): string | null | undefined {
  const names = Object.keys(events);
  if (names.some((name) => name !== SYNC_TRIGGER)) {
    throw invalidParameter(
      'events',
      `Map keys must satisfy constraint: [Member must satisfy enum value set: [${SYNC_TRIGGER}]]`,
    );
  }
  if (names.length === 0) return undefined;
  const functionArn = events[SYNC_TRIGGER] ?? '';
  if (functionArn === '') return null;
  if (!isFunctionArn(functionArn)) {
    throw invalidParameter(
      'events.value',
      `Member must satisfy regular expression pattern: ${FUNCTION_ARN_PATTERN}`,
    );
  }
  return functionArn;
}

/**
 * Sets the function. If another request changed the pool in the meantime, tries again with the new settings, because
 * this operation has no conflict error.
 */
async function setSyncTrigger(
  pools: PoolStore,
  identityPoolId: string,
  syncTrigger: string | null | undefined,
): Promise<void> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const pool = await pools.readPool(identityPoolId);
    if (pool === null) throw poolNotFound(identityPoolId);
    if (syncTrigger === undefined || syncTrigger === pool.syncTrigger) return;
    if (await pools.changePool({ ...pool, syncTrigger })) return;
  }
  throw new ServiceError(
    'TooManyRequestsException',
    'other requests keep changing the identity pool; try again',
  );
}
