import type { SyncClientCondition } from '../backfill/sync-client.ts';
import { isObject } from '../common/json.ts';

/** The names under which Amazon's services, the SDK and this project's own service refuse credentials. */
const CREDENTIALS = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'IncompleteSignatureException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'TokenProviderError',
  'TokenRefreshRequired',
  'UnrecognizedClientException',
]);
const NOT_AUTHORIZED = new Set(['AccessDenied', 'AccessDeniedException', 'NotAuthorizedException']);
const THROTTLED = new Set([
  'KMSThrottlingException',
  'LimitExceededException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
]);

/**
 * What a client of the AWS SDK has thrown, by what can be done about it, and in words for the operator.
 * Source: Amazon Cognito Sync API Reference, "Common Errors", and what this project's own service answers.
 */
export function toAwsFailure(error: unknown): { condition: SyncClientCondition; message: string } {
  const name = nameOf(error);
  const condition = conditionOf(error, name);
  // What Amazon says of a signature quotes the request that was signed, session token included.
  if (condition === 'credentials') {
    return { condition, message: `the credentials are expired, wrong, or none (${name})` };
  }
  return { condition, message: `${name}: ${error instanceof Error ? error.message : String(error)}` };
}

/** Its name, or the code of a system's error, whose name says nothing. */
export function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'Error';
  if (error.name === 'Error' && 'code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}

function conditionOf(error: unknown, name: string): SyncClientCondition {
  if (CREDENTIALS.has(name)) return 'credentials';
  if (NOT_AUTHORIZED.has(name)) return 'not-authorized';
  if (THROTTLED.has(name)) return 'throttled';
  if (name === 'ResourceNotFoundException') return 'not-found';
  const status = statusOf(error);
  if (status === 429) return 'throttled';
  // Without an answer of the service it is the network, or something in the way.
  return status !== undefined && status >= 400 && status < 500 ? 'refused' : 'unavailable';
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error) || !isObject(error.$metadata)) return undefined;
  const { httpStatusCode } = error.$metadata;
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}
