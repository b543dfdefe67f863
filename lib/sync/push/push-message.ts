import type { DatasetKey } from '../../common/dataset-key.ts';
import type { PushPlatform } from '../ports/push.ts';

/** The content of a push message: the changed dataset and its new count. */
export interface PushedChange extends DatasetKey {
  syncCount: number;
}

/**
 * Builds the push message of a change: JSON text in the form that the platform accepts. On Apple's platforms, the
 * message wakes the app without showing anything to the user. The members of the message are at the paths that AWS's
 * clients for iOS read. For GCM and ADM, all members are strings, because Android's clients receive strings. These
 * clients accept only a message that has all five members. FCM's HTTP v1 API and SNS's format for GCM both have the member
 * `data`. Sources: Amazon Cognito developer guide, "Push sync"; `PushSyncUpdate.java` of AWS's SDK for Android; Amazon SNS
 * developer guide, "FCM v1 API payloads".
 */
export function buildPushMessage(
  { identityPoolId, identityId, datasetName, syncCount }: PushedChange,
  platform: PushPlatform,
): string {
  const data = { source: 'cognito-sync', identityPoolId, identityId, datasetName };
  switch (platform) {
    case 'APNS':
    case 'APNS_SANDBOX':
      return JSON.stringify({ aps: { 'content-available': 1 }, data: { ...data, syncCount } });
    case 'GCM':
    case 'ADM':
      return JSON.stringify({ data: { ...data, syncCount: String(syncCount) } });
  }
}
