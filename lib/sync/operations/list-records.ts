import type { DatasetKey } from '../../common/dataset-key.ts';
import { authorizeDataset, rejectRevoked } from '../authorize.ts';
import type { SyncDependencies } from '../dependencies.ts';
import { checkSyncCount, NoSuchSyncCountError } from '../errors.ts';
import type { ListRecordsInput, ListRecordsOutput, SyncOperations, SyncRecord } from '../model.ts';
import { MAX_RESULTS, readPageSize } from '../page-size.ts';
import { exists, type ListedDataset, type ReadRecordsResult, type SyncStore } from '../ports/sync-store.ts';
import { notValidToken } from '../session-token.ts';

/**
 * ListRecords: returns the records with a count above LastSyncCount, tombstones included, and the session token that an
 * update needs. A dataset that does not exist is not an error.
 *
 * All pages of one listing return the token of the first page, and the count that the dataset had when the first page
 * was read. No page holds a record with a count above that count; the next listing returns such a record. All pages
 * name the copies of the dataset that merges of identities made.
 *
 * A listing without MaxResults has one page, because the iOS client never requests a second page. This page is read in
 * parts, and each part follows the rules for a page. So no listing holds more than 1,024 records in memory, and no
 * listing occupies the database for long.
 *
 * @throws {ServiceError} InvalidParameterException if LastSyncCount is above the dataset's count, or if a token has
 *   expired, was used by an update or belongs to another dataset; NotAuthorizedException
 */
export function createListRecords({
  store,
  tokens,
}: Pick<SyncDependencies, 'store' | 'tokens'>): SyncOperations['ListRecords'] {
  return async (input, caller) => {
    const key = authorizeDataset(input, caller);
    const limit = readPageSize(input.MaxResults);
    const given = input.SyncSessionToken === undefined ? null : tokens.verify(input.SyncSessionToken, key);
    const page = input.NextToken === undefined ? null : tokens.verifyPage(input.NextToken, key);
    const lastSyncCount = page?.lastSyncCount ?? readLastSyncCount(input);
    const known = page?.session ?? given;

    const read = await store.readRecords(key, {
      session: known,
      after: page?.after ?? lastSyncCount,
      upTo: page?.datasetSyncCount ?? null,
      limit: limit ?? MAX_RESULTS,
    });
    await rejectRevoked(caller, async () => read.identityDeleted);
    if (read.spent) throw notValidToken(page ? 'NextToken' : 'SyncSessionToken');
    // This service did not issue a count above the dataset's count; the client has data from another service. If the
    // listing returned `DatasetExists: false`, most clients would erase their own copy of the dataset. So the listing
    // is rejected instead.
    if (!page && lastSyncCount > (read.dataset?.syncCount ?? 0))
      throw new NoSuchSyncCountError(lastSyncCount);
    const session = known ?? tokens.begin(exists(read.dataset) ? read.dataset : null);
    const datasetSyncCount = page?.datasetSyncCount ?? read.dataset?.syncCount ?? 0;
    return {
      ...describe(read, lastSyncCount),
      DatasetSyncCount: datasetSyncCount,
      NextToken:
        read.next === null || limit === null
          ? null
          : tokens.issuePage({ session, lastSyncCount, datasetSyncCount, after: read.next }, key),
      SyncSessionToken: tokens.issue(session, key),
      ...(read.next !== null &&
        limit === null && { rest: readRest(store, key, { after: read.next, upTo: datasetSyncCount }) }),
    };
  };
}

/** Reads the remaining parts of the page. Each part is read only after the consumer has taken the previous part. */
async function* readRest(
  store: Pick<SyncStore, 'readRecords'>,
  key: DatasetKey,
  { after, upTo }: { after: string; upTo: number },
): AsyncGenerator<SyncRecord[]> {
  for (let next: string | null = after; next !== null; ) {
    const read: ReadRecordsResult = await store.readRecords(key, {
      session: null,
      after: next,
      upTo,
      limit: MAX_RESULTS,
    });
    yield read.records;
    next = read.next;
  }
}

function readLastSyncCount({ LastSyncCount }: ListRecordsInput): number {
  return LastSyncCount === undefined ? 0 : checkSyncCount(LastSyncCount, 'lastSyncCount');
}

function describe(
  { dataset, records, mergedDatasetNames }: ReadRecordsResult,
  lastSyncCount: number,
): Omit<ListRecordsOutput, 'DatasetSyncCount' | 'NextToken' | 'SyncSessionToken'> {
  return {
    Records: records,
    Count: records.length,
    LastModifiedBy: exists(dataset) ? dataset.lastModifiedBy : null,
    MergedDatasetNames: mergedDatasetNames.length > 0 ? mergedDatasetNames : null,
    DatasetExists: exists(dataset),
    DatasetDeletedAfterRequestedSyncCount: wasDeletedAfter(dataset, lastSyncCount),
  };
}

/**
 * Returns whether the listing must tell the device that the dataset was deleted
 * (`DatasetDeletedAfterRequestedSyncCount`). A device that sends no count has no data from before the deletion. If the
 * device received this flag, it would discard its data, start again without a count, and receive the flag again.
 */
function wasDeletedAfter(dataset: ListedDataset | null, lastSyncCount: number): boolean {
  return dataset !== null && lastSyncCount > 0 && dataset.deletedSyncCount > lastSyncCount;
}
