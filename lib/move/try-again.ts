import { ServiceError } from '../common/errors.ts';

/**
 * Returns the error for a client that must try again. The SDKs for JavaScript, Android, iOS and .NET retry the status
 * 500. Not all of them retry 429 (TooManyRequestsException). After NotAuthorizedException, they would discard the
 * identity's id. Source: `shouldRetry` in AWSURLRequestRetryHandler.m of the SDK for iOS, PredefinedRetryPolicies.java
 * and RetryUtils.java of the SDK for Android, DefaultRetryPolicy.cs of the SDK for .NET, and lib/service.js of the SDK
 * v2 for JavaScript.
 */
export function tryAgain(): ServiceError {
  return new ServiceError(
    'InternalErrorException',
    'The service from which this identity pool is being moved did not respond; try again.',
  );
}
