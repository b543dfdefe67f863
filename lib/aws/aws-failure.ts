import type { SyncClientCondition } from '../backfill/ports/sync-client.ts';
import { isObject } from '../common/json.ts';

/** Error names with which Amazon's services, the SDK and this project's own service reject credentials. */
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
 * Classifies an error of an AWS SDK client by what the caller can do about it, and describes it for the operator.
 * Source: Amazon Cognito Sync API Reference, "Common Errors", and the responses of this project's own service.
 *
 * @param call whether the call writes. For a write, LimitExceededException means a limit of stored data, so a retry
 *   would fail again; for a read, it means throttling. Source: Amazon Cognito Sync API Reference, UpdateRecords: "the
 *   limit on the number of objects or operations has been exceeded"
 */
export function toAwsFailure(
  error: unknown,
  call: 'read' | 'write' = 'read',
): { condition: SyncClientCondition; message: string } {
  const name = nameOf(error);
  const isLimit = call === 'write' && name === 'LimitExceededException';
  const condition = isLimit ? 'limit' : conditionOf(error, name);
  // Do not pass on the error's message: Amazon's message about a wrong signature quotes the signed request, including
  // the session token.
  if (condition === 'credentials') {
    return { condition, message: `the credentials are expired, invalid or missing (${name})` };
  }
  return { condition, message: `${name}: ${error instanceof Error ? error.message : String(error)}` };
}

/** Returns the name of an error. For system errors, whose name is only `Error`, returns the code. */
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
  // Without a status, no response arrived: the network or an intermediary failed.
  return status !== undefined && status >= 400 && status < 500 ? 'refused' : 'unavailable';
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error) || !isObject(error.$metadata)) return undefined;
  const { httpStatusCode } = error.$metadata;
  return typeof httpStatusCode === 'number' ? httpStatusCode : undefined;
}
