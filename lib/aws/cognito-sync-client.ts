import { CognitoSync } from '@aws-sdk/client-cognito-sync';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Credentials } from '../common/environment.ts';

export { CognitoSyncServiceException, ResourceConflictException } from '@aws-sdk/client-cognito-sync';
export type { CognitoSync };

interface CognitoSyncClientOptions {
  region: string;
  /** Base URL of a service that speaks the API; Amazon's where it is absent. */
  endpoint?: string;
  /** The SDK's own chain (environment, profile, role) where they are absent. */
  credentials?: Credentials;
}

const CONNECT_TIMEOUT_MS = 2_000;
/** UpdateRecords waits up to five seconds for a sync trigger. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * A client of the Cognito Sync API, Amazon's or one that is self-hosted, with time limits on every request. The SDK's own
 * retries (three attempts) stay on. Whoever makes it calls `destroy()`.
 */
export function createCognitoSyncClient({
  region,
  endpoint,
  credentials,
}: CognitoSyncClientOptions): CognitoSync {
  return new CognitoSync({
    region,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Without it the handler only warns, and the request hangs on.
      throwOnRequestTimeout: true,
    }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials !== undefined && { credentials }),
  });
}
