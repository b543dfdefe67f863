import { invalidParameter } from '../sync/errors.ts';

/** Source: API reference of Cognito Identity, ListIdentities and ListIdentityPools. */
const MAX_RESULTS = 60;

/** @throws {ServiceError} InvalidParameterException unless it is 1 to 60 */
export function readMaxResults(maxResults: number): number {
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
