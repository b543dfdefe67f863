import type { PoolSettingsApi } from '../backfill/ports/operated-service.ts';
import type { PoolStreaming } from '../backfill/ports/sync-client.ts';
import type { CognitoSync } from './cognito-sync-client.ts';
import { translateErrors } from './sync-client.ts';

/**
 * Reads and changes the stream and sync trigger of identity pools through the Cognito Sync API. Source: Amazon Cognito
 * Sync API Reference, GetIdentityPoolConfiguration, SetIdentityPoolConfiguration, GetCognitoEvents and
 * SetCognitoEvents.
 *
 * @param client a client with developer credentials
 */
export function createPoolSettings(client: CognitoSync): PoolSettingsApi {
  return {
    read: (IdentityPoolId) =>
      translateErrors(async () => {
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
      translateErrors(async () => {
        // Send PushSync back: it is not documented whether an omitted member keeps its value.
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
      }, 'write'),

    // SetCognitoEvents changes only the named event. An empty string removes the function of that event.
    setSyncTrigger: (IdentityPoolId, functionArn) =>
      translateErrors(async () => {
        await client.setCognitoEvents({ IdentityPoolId, Events: { SyncTrigger: functionArn ?? '' } });
      }, 'write'),
  };
}
