import type { IdentityPoolConfiguration } from './pool-model.ts';
import type { IdentityPool } from './ports/pool-store.ts';

/** What is set for a pool as the API shows it. */
export function toPoolConfiguration({
  identityPoolId,
  streams,
  pushSync,
}: IdentityPool): IdentityPoolConfiguration {
  return {
    IdentityPoolId: identityPoolId,
    PushSync: pushSync && { ApplicationArns: [...pushSync.applicationArns], RoleArn: pushSync.roleArn },
    CognitoStreams: streams && {
      StreamName: streams.streamName,
      RoleArn: streams.roleArn,
      StreamingStatus: streams.status,
      DisabledReason: streams.disabledReason,
    },
  };
}
