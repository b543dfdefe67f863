import { invalidParameter } from './errors.ts';

/** The most that any client asks for. */
export const MAX_RESULTS = 1_024;

/**
 * How many results a page holds. Null, for all there are, where the client does not say: the iOS client says nothing
 * and never asks for a second page.
 * @throws {ServiceError} InvalidParameterException unless MaxResults is absent or 1 to 1,024, the most any client sends
 */
export function readPageSize(maxResults: number | undefined): number | null {
  if (maxResults === undefined) return null;
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
