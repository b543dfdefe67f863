import { ServiceError } from '../../common/errors.ts';
import { authorizeDeveloper } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { invalidParameter, poolNotFound } from '../errors.ts';
import { FUNCTION_ARN_PATTERN, isFunctionArn } from '../function-arn.ts';
import type { SyncOperations } from '../model.ts';
import type { PoolStore } from '../ports/pool-store.ts';

/** The only event that there is. */
const SYNC_TRIGGER = 'SyncTrigger';
/** Each time that a change comes to nothing another one was made, so that this is never reached by chance. */
const ATTEMPTS = 10;

/**
 * SetCognitoEvents: sets the function of the event that is named, or removes it where the function is an empty text.
 * An event that is not named stays as it is.
 *
 * @throws {ServiceError} InvalidParameterException: no such event, or not a function's ARN; ResourceNotFoundException:
 *   there is no such pool; TooManyRequestsException: others keep changing it; NotAuthorizedException
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

/** @returns null to remove it; undefined to leave it */
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

/** Decided again where something else of the pool was changed meanwhile: this operation knows no conflict. */
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
  throw new ServiceError('TooManyRequestsException', 'others keep changing the identity pool; try again');
}
