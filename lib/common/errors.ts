/**
 * A setup or usage error: an invalid environment variable, a port in use, an unreachable database. The message is one
 * line that says what is wrong and what to do. Entry points print only that line and exit with code 1.
 */
export class SetupError extends Error {
  override name = 'SetupError';
}

/**
 * A value cannot be stored in the database: it is out of range, not representable or too large. Retrying cannot help.
 * The message does not quote the value.
 */
export class ValueRefusedError extends Error {
  override name = 'ValueRefusedError';
}

/**
 * Error codes of the Cognito Sync and Cognito Identity APIs that the service itself raises. Each is an error shape of
 * the API models, except LambdaSocketTimeoutException, which appears only in the developer guide.
 */
export type ServiceErrorCode =
  | 'AlreadyStreamedException'
  | 'ConcurrentModificationException'
  | 'DeveloperUserAlreadyRegisteredException'
  | 'DuplicateRequestException'
  | 'ExternalServiceException'
  | 'InternalErrorException'
  | 'InvalidConfigurationException'
  | 'InvalidIdentityPoolConfigurationException'
  | 'InvalidLambdaFunctionOutputException'
  | 'InvalidParameterException'
  | 'LambdaSocketTimeoutException'
  | 'LambdaThrottledException'
  | 'LimitExceededException'
  | 'NotAuthorizedException'
  | 'ResourceConflictException'
  | 'ResourceNotFoundException'
  | 'TooManyRequestsException';

const STATUS: Record<ServiceErrorCode, number> = {
  AlreadyStreamedException: 400,
  ConcurrentModificationException: 400,
  DeveloperUserAlreadyRegisteredException: 400,
  DuplicateRequestException: 400,
  ExternalServiceException: 400,
  InternalErrorException: 500,
  InvalidConfigurationException: 400,
  InvalidIdentityPoolConfigurationException: 400,
  InvalidLambdaFunctionOutputException: 400,
  InvalidParameterException: 400,
  LambdaSocketTimeoutException: 400,
  LambdaThrottledException: 429,
  LimitExceededException: 400,
  NotAuthorizedException: 403,
  ResourceConflictException: 409,
  ResourceNotFoundException: 404,
  TooManyRequestsException: 429,
};

/** An error response of the API. The client receives code and message unchanged. */
export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ServiceErrorCode;
  /**
   * The HTTP status that the Cognito Sync model assigns to the code, if the model has the code. Cognito Identity
   * answers with 400 for client errors and 500 for other errors, except for the statuses 413, 429 and 503.
   */
  readonly status: number;
  /** How long the client should wait before it retries. Undefined if no waiting time is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ServiceErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/**
 * Returns the error for a parameter that violates a constraint. The text is the text of Amazon's validation. The value
 * is never quoted.
 * @param path path of the member in the request, such as `recordPatches.1.member.key`
 * @param rule such as "Member must not be null"
 */
export function invalidParameter(path: string, rule: string): ServiceError {
  return new ServiceError(
    'InvalidParameterException',
    `1 validation error detected: Value at '${path}' failed to satisfy constraint: ${rule}`,
  );
}
