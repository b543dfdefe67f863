import type { DatasetKey } from '../../common/dataset-key.ts';
import type { PushPlatform } from '../ports/push.ts';

/** What a device is told: a dataset has another count than it may know. */
export interface PushedChange extends DatasetKey {
  syncCount: number;
}

/**
 * The message of a change as the platform takes it: a JSON text. Apple's wakes the app without a word to the person; its
 * members are where AWS's clients for iOS look for them. Those of GCM and ADM are texts all, because Android's clients get
 * them as texts and take only a message that has all five. Source: developer guide, "Push sync"; the clients' own code.
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
