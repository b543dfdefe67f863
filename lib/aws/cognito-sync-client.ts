import { CognitoSync } from '@aws-sdk/client-cognito-sync';
import type { Credentials } from '../config.ts';

export { CognitoSyncServiceException, ResourceConflictException } from '@aws-sdk/client-cognito-sync';
export type { CognitoSync };

interface CognitoSyncClientOptions {
  region: string;
  /** Base URL of a service that speaks the API; Amazon's where it is absent. */
  endpoint?: string;
  /** The SDK's own chain (environment, profile, role) where they are absent. */
  credentials?: Credentials;
}

/** A client of the Cognito Sync API, Amazon's or one that is self-hosted. Whoever makes it calls `destroy()`. */
export function createCognitoSyncClient({
  region,
  endpoint,
  credentials,
}: CognitoSyncClientOptions): CognitoSync {
  return new CognitoSync({
    region,
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  });
}
