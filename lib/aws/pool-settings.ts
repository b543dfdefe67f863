import type { PoolSettingsApi } from '../backfill/operated-service.ts';
import type { PoolStreaming } from '../backfill/sync-client.ts';
import type { CognitoSync } from './cognito-sync-client.ts';
import { ask } from './sync-client.ts';

/**
 * Stream and sync trigger of identity pools over the Cognito Sync API. Source: Amazon Cognito Sync API Reference,
 * Get- and SetIdentityPoolConfiguration, Get- and SetCognitoEvents.
 *
 * @param client with developer credentials
 */
export function createPoolSettings(client: CognitoSync): PoolSettingsApi {
  return {
    read: (IdentityPoolId) =>
      ask(async () => {
        const { CognitoStreams } = await client.getIdentityPoolConfiguration({ IdentityPoolId });
        const { Events } = await client.getCognitoEvents({ IdentityPoolId });
        const streaming: PoolStreaming = {
          isEnabled: CognitoStreams?.StreamingStatus === 'ENABLED',
          streamName: CognitoStreams?.StreamName ?? null,
          roleArn: CognitoStreams?.RoleArn ?? null,
        };
        return { streaming, syncTrigger: Events?.SyncTrigger || null };
      }),

    setStreaming: (IdentityPoolId, { isEnabled, streamName, roleArn }) =>
      ask(async () => {
        // Whether a member that is left out stays as it is, is not documented.
        const { PushSync } = await client.getIdentityPoolConfiguration({ IdentityPoolId });
        await client.setIdentityPoolConfiguration({
          IdentityPoolId,
          CognitoStreams: {
            StreamingStatus: isEnabled ? 'ENABLED' : 'DISABLED',
            ...(streamName !== null && { StreamName: streamName }),
            ...(roleArn !== null && { RoleArn: roleArn }),
          },
          ...(PushSync && { PushSync }),
        });
      }),

    // Only the event that is named is touched; an empty text removes its function.
    setSyncTrigger: (IdentityPoolId, functionArn) =>
      ask(async () => {
        await client.setCognitoEvents({ IdentityPoolId, Events: { SyncTrigger: functionArn ?? '' } });
      }),
  };
}
