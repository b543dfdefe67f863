/**
 * A mistake in how the program was set up or called: an environment value, a port in use, a database
 * that does not answer. Its message is one line that says what is wrong and what to do about it; entry
 * points print that line alone and exit with code 1.
 */
export class SetupError extends Error {
  override name = 'SetupError';
}

/**
 * The database can never take one of the values it was given: out of range, not representable, too large.
 * Trying again cannot help. The message does not quote the value.
 */
export class ValueRefusedError extends Error {
  override name = 'ValueRefusedError';
}

/**
 * The error codes of the Cognito Sync and Cognito Identity APIs that the service itself raises; each is an error shape of
 * the API models, but LambdaSocketTimeoutException, which the developer guide alone has.
 */
export type ServiceErrorCode =
  | 'AlreadyStreamedException'
  | 'ConcurrentModificationException'
  | 'DeveloperUserAlreadyRegisteredException'
  | 'DuplicateRequestException'
  | 'InternalErrorException'
  | 'InvalidConfigurationException'
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
  InternalErrorException: 500,
  InvalidConfigurationException: 400,
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

/** What the API answers instead of a result: code and message reach the client as they are. */
export class ServiceError extends Error {
  override name = 'ServiceError';
  readonly code: ServiceErrorCode;
  /** The HTTP status that the model of Cognito Sync gives the code, if it has it; Cognito Identity knows 400 and 500 alone. */
  readonly status: number;

  constructor(code: ServiceErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = STATUS[code];
  }
}
