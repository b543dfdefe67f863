import { invalidParameter } from '../common/errors.ts';

/** Maximum value of MaxResults. No known client requests larger pages. */
export const MAX_RESULTS = 1_024;

/**
 * Reads the size of a page.
 *
 * @returns null if MaxResults is absent. The page then has all results: the iOS client sends no MaxResults and never
 *   requests a second page
 * @throws {ServiceError} InvalidParameterException unless MaxResults is absent or 1 to 1,024
 */
export function readPageSize(maxResults: number | undefined): number | null {
  if (maxResults === undefined) return null;
  if (!Number.isInteger(maxResults) || maxResults < 1 || maxResults > MAX_RESULTS) {
    throw invalidParameter('maxResults', `Member must be between 1 and ${MAX_RESULTS}`);
  }
  return maxResults;
}
