import { invalidParameter } from '../common/errors.ts';

/** The largest page that any client requests. */
export const MAX_RESULTS = 1_024;

/**
 * Reads the size of a page.
 *
 * @returns null, for all results, if the client sends no MaxResults: the iOS client sends no MaxResults and never
 *   requests a second page
 * @throws {ServiceError} InvalidParameterException unless MaxResults is absent or 1 to 1,024, the most any client
 *   sends
 */
export function readPageSize(maxResults: number | undefined): number | null {
  if (maxResults === undefined) return null;
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
