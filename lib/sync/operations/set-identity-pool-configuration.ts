import { ServiceError } from '../../common/errors.ts';
import { authorizeDeveloper } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { invalidParameter, poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import type { CognitoStreamsInput, PushSyncInput } from '../pool-model.ts';
import type { IdentityPool } from '../ports/pool-store.ts';
import { toPoolConfiguration } from '../to-output.ts';

/**
 * SetIdentityPoolConfiguration: sets what is given of a pool's push and stream; what is not given stays as it is.
 *
 * @returns all that is set now
 * @throws {ServiceError} InvalidParameterException: streaming to no stream, or to one that is not there or not active yet;
 *   ResourceNotFoundException: there is no such pool; ConcurrentModificationException: it was changed meanwhile;
 *   NotAuthorizedException
 */
export function createSetIdentityPoolConfiguration({
  pools,
  streamExists,
}: Pick<SyncDependencies, 'pools' | 'streamExists'>): SyncOperations['SetIdentityPoolConfiguration'] {
  return async ({ IdentityPoolId, PushSync, CognitoStreams }, caller) => {
    authorizeDeveloper(caller);
    const pool = await pools.readPool(IdentityPoolId);
    if (pool === null) throw poolNotFound(IdentityPoolId);
    const changed = {
      ...pool,
      streams: changeStreams(pool.streams, CognitoStreams ?? {}),
      pushSync: changePushSync(pool.pushSync, PushSync ?? {}),
    };
    if (isAnythingGiven(CognitoStreams)) await checkStream(changed.streams, streamExists);
    if (
      (isAnythingGiven(CognitoStreams) || isAnythingGiven(PushSync)) &&
      !(await pools.changePool(changed))
    ) {
      throw new ServiceError(
        'ConcurrentModificationException',
        `IdentityPool '${IdentityPoolId}' was changed by another request`,
      );
    }
    return toPoolConfiguration(changed);
  };
}

/** Whoever says whether it streams, says so whatever the service had to say before. */
function changeStreams(before: IdentityPool['streams'], given: CognitoStreamsInput): IdentityPool['streams'] {
  if (!isAnythingGiven(given)) return before;
  return {
    status: given.StreamingStatus ?? before?.status ?? 'DISABLED',
    streamName: given.StreamName ?? before?.streamName ?? null,
    roleArn: given.RoleArn ?? before?.roleArn ?? null,
    disabledReason: given.StreamingStatus === undefined ? (before?.disabledReason ?? null) : null,
  };
}

function changePushSync(before: IdentityPool['pushSync'], given: PushSyncInput): IdentityPool['pushSync'] {
  if (!isAnythingGiven(given)) return before;
  return {
    applicationArns: given.ApplicationArns ?? before?.applicationArns ?? [],
    roleArn: given.RoleArn ?? before?.roleArn ?? null,
  };
}

function isAnythingGiven(members: object | undefined): boolean {
  return members !== undefined && Object.values(members).some((member) => member !== undefined);
}

async function checkStream(
  streams: IdentityPool['streams'],
  streamExists: SyncDependencies['streamExists'],
): Promise<void> {
  if (streams?.status !== 'ENABLED') return;
  const path = 'cognitoStreams.streamName';
  if (streams.streamName === null) throw invalidParameter(path, 'Member must not be null');
  if (!(await streamExists(streams.streamName))) {
    throw invalidParameter(path, 'Member must be the name of a stream that exists and is active');
  }
}
