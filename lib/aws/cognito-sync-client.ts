import { CognitoSync } from '@aws-sdk/client-cognito-sync';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { Credentials } from '../common/environment.ts';

export {
  CognitoSyncServiceException,
  ResourceConflictException,
  ResourceNotFoundException,
} from '@aws-sdk/client-cognito-sync';
export type { CognitoSync };

/** Temporary credentials, which are valid only together with their session token. */
export interface SessionCredentials extends Credentials {
  sessionToken: string;
}

interface CognitoSyncClientOptions {
  region: string;
  /** Base URL of a service that offers the Cognito Sync API. Default: Amazon's service. */
  endpoint?: string;
  /** Ignores the addresses in the environment and in the configuration file, such as AWS_ENDPOINT_URL. Default: false. */
  ignoreConfiguredEndpointUrls?: boolean;
  /** Default: the SDK's credential chain (environment, profile, role). */
  credentials?: Credentials | SessionCredentials;
  /** Maximum number of attempts of a request. Default: three. */
  maxAttempts?: number;
}

const CONNECT_TIMEOUT_MS = 2_000;
/** This timeout must exceed the five seconds that UpdateRecords may wait for a sync trigger. */
const REQUEST_TIMEOUT_MS = 15_000;

/**
 * Creates a client for the Cognito Sync API of Amazon or of a self-hosted service, with a timeout on every request. The
 * SDK retries failed requests. The caller must call `destroy()`.
 */
export function createCognitoSyncClient({
  region,
  endpoint,
  ignoreConfiguredEndpointUrls,
  credentials,
  maxAttempts,
}: CognitoSyncClientOptions): CognitoSync {
  return new CognitoSync({
    region,
    requestHandler: requestHandler(),
    ...(endpoint !== undefined && { endpoint }),
    ...(ignoreConfiguredEndpointUrls && { ignoreConfiguredEndpointUrls }),
    // Cognito Sync has no FIPS or dual-stack endpoint in any region, but the SDK would compute the address of one.
    // Source: AWS General Reference, "Amazon Cognito Sync endpoints and quotas".
    useFipsEndpoint: false,
    useDualstackEndpoint: false,
    // The SDK adds members to the object that it receives.
    ...(credentials !== undefined && { credentials: { ...credentials } }),
    ...(maxAttempts !== undefined && { maxAttempts }),
  });
}

/** Creates a request handler with a timeout on every request, for a client of a Cognito API. */
export function requestHandler(): NodeHttpHandler {
  return new NodeHttpHandler({
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Without this option, a timeout only logs a warning, and the request stays open.
    throwOnRequestTimeout: true,
  });
}
