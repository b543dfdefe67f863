import { authorizeDeveloper } from '../../common/caller.ts';
import { invalidParameter, ServiceError } from '../../common/errors.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { poolNotFound } from '../errors.ts';
import type { SyncOperations } from '../model.ts';
import type { CognitoStreamsInput, PushSyncInput } from '../pool-model.ts';
import type { IdentityPool } from '../ports/pool-store.ts';
import { toPoolConfiguration } from '../to-output.ts';

/**
 * SetIdentityPoolConfiguration: sets the given push and stream settings of a pool. Settings that are not given are
 * not changed.
 *
 * @returns all settings after the change
 * @throws {ServiceError} InvalidParameterException if streaming is enabled without a stream, or on a stream that
 *   does not exist or is not active yet; ResourceNotFoundException if the pool does not exist;
 *   ConcurrentModificationException if the pool was changed in the meantime; NotAuthorizedException
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

/**
 * Applies the given stream settings. A given StreamingStatus clears the reason for which the service itself disabled
 * streaming.
 */
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
